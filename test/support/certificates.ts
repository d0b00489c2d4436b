import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** True if certificates can be made here. */
export function canMakeCertificates(): boolean {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Files of a certificate and its key. */
export interface MadeCertificate {
  readonly certificate: string;
  readonly key: string;
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

function openssl(...args: string[]): void {
  execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
}

/** Makes an authority of one's own, `<name>.pem` and `<name>.key`, in a folder. */
export function makeAuthority(folder: string, name = "authority"): MadeCertificate {
  const made = { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
  openssl(
    "req",
    "-x509",
    ...NEW_KEY,
    "-days",
    "2",
    "-keyout",
    made.key,
    "-out",
    made.certificate,
    "-subj",
    `/CN=${name}`,
  );
  return made;
}

/** Makes a certificate for 127.0.0.1 and localhost, whose common name is `name`. */
export function makeCertificate(folder: string, name: string, authority: MadeCertificate): MadeCertificate {
  return makeCertificateFor("2", { folder, name, authority });
}

/** As `makeCertificate`, one whose time was over yesterday. */
export function makeExpiredCertificate(folder: string, name: string, authority: MadeCertificate): MadeCertificate {
  return makeCertificateFor("-1", { folder, name, authority });
}

function makeCertificateFor(
  days: string,
  { folder, name, authority }: { readonly folder: string; readonly name: string; readonly authority: MadeCertificate },
): MadeCertificate {
  const made = { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
  const [request, extensions] = [join(folder, `${name}.csr`), join(folder, `${name}.ext`)];
  writeFileSync(extensions, "subjectAltName=DNS:localhost,IP:127.0.0.1");
  openssl("req", ...NEW_KEY, "-keyout", made.key, "-out", request, "-subj", `/CN=${name}`);
  const signer = ["-CA", authority.certificate, "-CAkey", authority.key, "-CAcreateserial"];
  openssl("x509", "-req", "-in", request, ...signer, "-days", days, "-out", made.certificate, "-extfile", extensions);
  return made;
}
