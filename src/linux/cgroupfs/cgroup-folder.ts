/** One of a container's folders: its processes have to be put into each. */
export interface CgroupFolder {
  readonly version: 1 | 2;
  readonly path: string;
}
