export { Database, type Statement } from "bun:sqlite";
