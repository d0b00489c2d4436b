/** `GET /volumes/{name}`. */
export interface VolumeResource {
  readonly Name: string;
  readonly Driver: string;
  readonly Mountpoint: string;
  readonly CreatedAt?: string;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly Scope: "local";
  readonly Options: Readonly<Record<string, string>> | null;
}

/** `POST /volumes/create`. */
export interface CreateVolumeRequest {
  readonly Name?: string;
  readonly Driver?: string;
  readonly DriverOpts?: Readonly<Record<string, string>> | null;
  readonly Labels?: Readonly<Record<string, string>> | null;
}

/** `GET /volumes`. */
export interface VolumeList {
  readonly Volumes: readonly VolumeResource[];
  readonly Warnings: readonly string[] | null;
}
