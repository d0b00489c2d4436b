/**
 * Links that every container has where its image has nothing of the name: path and target. What asks libc or Java for the
 * mounted file systems reads the first. Docker makes it, too, and does not count it as written by the container.
 */
export const ROOT_LINKS = [["/etc/mtab", "/proc/mounts"]] as const;
