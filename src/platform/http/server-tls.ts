/** What a server shows to its clients, and asks of them. All PEM. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  /** Clients may send a certificate of this authority. */
  readonly clientAuthority?: string;
}
