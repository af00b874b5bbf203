// Signs a JSON list of inputs (stdin) with the signers that JavaScript programs use for EKS tokens.
// Prints {"rows": [{recipe, version, index, token}]}. The clock is a Date that, asked for now, says the input's time.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Sha256 } from "@aws-crypto/sha256-js";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { getSignedUrl, S3RequestPresigner } from "@aws-sdk/s3-request-presigner";
import { formatUrl } from "@aws-sdk/util-format-url";
import { HttpRequest } from "@smithy/protocol-http";
import { SignatureV4 } from "@smithy/signature-v4";
import { AwsV4Signer } from "aws4fetch";

const require = createRequire(import.meta.url);
process.env.AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE = "1";
const AWS = require("aws-sdk");
const EKSToken = require("aws-eks-token");
const aws4 = require("aws4");

const RealDate = Date;
let now = 0;
globalThis.Date = class extends RealDate {
  constructor(...values) {
    super(...(values.length ? values : [now]));
  }
  static now() {
    return now;
  }
};

const version = (name) => {
  const path = new URL(`node_modules/${name}/package.json`, import.meta.url);
  return `${name} ${JSON.parse(readFileSync(path)).version}`;
};
const credentials = (inp) => ({
  accessKeyId: inp.access_key_id,
  secretAccessKey: inp.secret_access_key,
  sessionToken: inp.session_token ?? undefined,
});
const text = (url) => "k8s-aws-v1." + Buffer.from(url).toString("base64url");
const request = (inp, headers) =>
  new HttpRequest({
    method: "GET",
    protocol: "https:",
    hostname: inp.host,
    path: "/",
    query: { Action: "GetCallerIdentity", Version: "2011-06-15" },
    headers: { ...headers, "x-k8s-aws-id": inp.cluster_id },
  });
const presign = (inp, headers = { host: inp.host }) =>
  new SignatureV4({ service: "sts", region: inp.region, sha256: Sha256, credentials: credentials(inp) }).presign(
    request(inp, headers),
    { expiresIn: 60 },
  );
const join = (query) =>
  Object.entries(query)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join("&");

// The client's own command: an HTTP middleware adds the header before the presigner sees the request.
const command = (inp, change, options) => {
  const client = new STSClient({ region: inp.region, credentials: credentials(inp) });
  client.middlewareStack.add(
    (next) => (args) => {
      args.request.headers["x-k8s-aws-id"] = inp.cluster_id;
      change(args.request);
      return next(args);
    },
    { step: "build" },
  );
  return getSignedUrl(client, new GetCallerIdentityCommand({}), { expiresIn: 60, ...options });
};

const recipes = {
  "signature-v4, encodeURIComponent": ["@smithy/signature-v4", async (inp) => `https://${inp.host}/?${join((await presign(inp)).query)}`],
  "signature-v4, formatUrl": ["@smithy/signature-v4", async (inp) => formatUrl(await presign(inp))],
  "signature-v4, URLSearchParams": [
    "@smithy/signature-v4",
    async (inp) => `https://${inp.host}/?${new URLSearchParams((await presign(inp)).query)}`,
  ],
  "signature-v4, URLSearchParams, no path": [
    "@smithy/signature-v4",
    async (inp) => `https://${inp.host}?${new URLSearchParams((await presign(inp)).query)}`,
  ],
  "signature-v4, no host header": ["@smithy/signature-v4", async (inp) => formatUrl(await presign(inp, {}))],
  "s3-request-presigner, presign(request)": [
    "@aws-sdk/s3-request-presigner",
    async (inp) => {
      const options = { service: "sts", region: inp.region, sha256: Sha256, credentials: credentials(inp) };
      return formatUrl(await new S3RequestPresigner(options).presign(request(inp, { host: inp.host }), { expiresIn: 60 }));
    },
  ],
  "getSignedUrl(GetCallerIdentityCommand)": ["@aws-sdk/s3-request-presigner", (inp) => command(inp, () => {})],
  "getSignedUrl(GetCallerIdentityCommand) turned into a GET": [
    "@aws-sdk/s3-request-presigner",
    (inp) =>
      command(
        inp,
        (http) => {
          http.method = "GET";
          http.query = { Action: "GetCallerIdentity", Version: "2011-06-15" };
          http.body = undefined;
          delete http.headers["content-type"];
          delete http.headers["content-length"];
        },
        { signingRegion: inp.region, signingService: "sts" },
      ),
  ],
  "aws-sdk (version 2), presign": [
    "aws-sdk",
    async (inp) => {
      AWS.config.update({ region: inp.region });
      const sts = new AWS.STS({ region: inp.region, endpoint: inp.host, credentials: new AWS.Credentials(credentials(inp)) });
      const call = sts.getCallerIdentity();
      call.on("build", () => {
        call.httpRequest.headers["x-k8s-aws-id"] = inp.cluster_id;
      });
      return call.presign(60);
    },
  ],
  "aws4, signQuery": [
    "aws4",
    async (inp) => {
      const options = {
        host: inp.host,
        service: "sts",
        region: inp.region,
        path: "/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60",
        headers: { "x-k8s-aws-id": inp.cluster_id },
        signQuery: true,
      };
      const { host, path } = aws4.sign(options, credentials(inp));
      return `https://${host}${path}`;
    },
  ],
  "aws4fetch, signQuery": [
    "aws4fetch",
    async (inp) => {
      const signer = new AwsV4Signer({
        ...credentials(inp),
        url: `https://${inp.host}/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60`,
        method: "GET",
        headers: { "x-k8s-aws-id": inp.cluster_id },
        signQuery: true,
        service: "sts",
        region: inp.region,
      });
      return (await signer.sign()).url.toString();
    },
  ],
  // It knows regional hosts of the aws partition only, and builds the token text itself.
  "aws-eks-token": [
    "aws-eks-token",
    async (inp) => {
      AWS.config.update({ region: inp.region });
      EKSToken.config = { region: inp.region, credentials: new AWS.Credentials(credentials(inp)) };
      return { token: await EKSToken.renew(inp.cluster_id, "60") };
    },
  ],
};

const rows = [];
for (const [index, inp] of JSON.parse(readFileSync(0)).entries()) {
  now = inp.unix_time * 1000;
  for (const recipe of inp.recipes) {
    const [library, run] = recipes[recipe];
    const made = await run(inp);
    rows.push({ recipe, version: version(library), index, token: made.token ?? text(made) });
  }
}
console.log(JSON.stringify({ rows }));
