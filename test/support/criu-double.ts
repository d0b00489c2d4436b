#!/usr/bin/env bun
/** Asks back once as criu does, with a descriptor, and ends before it is answered. */
import { PbfWriter } from "pbf";
import { receiveMessage, sendMessage } from "../../src/platform/descriptor-messages.ts";
import { CRIU_TYPES } from "../../src/runtime/criu/criu-messages.ts";

const SOCKET = 3;
receiveMessage(SOCKET, 4096);
const pbf = new PbfWriter();
pbf.writeVarintField(1, CRIU_TYPES.notify);
pbf.writeBooleanField(2, true);
pbf.writeMessage(5, (_: null, inner) => inner.writeStringField(1, "post-restore"), null);
sendMessage(SOCKET, pbf.finish(), [0]);
