// For the command line, which does not know the state's files.
export { rootOwner } from "../state/root-lock.ts";
