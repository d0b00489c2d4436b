export { constants, Database, type Statement } from "bun:sqlite";
