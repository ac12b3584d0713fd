import type { Check } from '../check.ts';
import { noteFinding, okFinding, problemFinding } from '../finding.ts';

/** Where npm has PostgreSQL, ONNX Runtime and Node for. */
const SYSTEMS = new Set(['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64', 'win32-x64']);
const BUNDLED = /node_modules[\\/]node-(bin-)?(linux|darwin|win)-?/;

/** Node itself, and the system that it runs on. */
export const checkNode: Check = async ({ host }, signal) => {
  const { platform, arch, nodeVersion, execPath, isMusl } = host;
  const system = `${platform}-${arch}`;
  const findings = [okFinding(`Node ${nodeVersion.replace(/^v/, '')} on ${system}${isMusl ? ', musl' : ''}`)];
  if (BUNDLED.test(execPath)) {
    const inPath = await host.run('node', ['--version'], { signal }).catch(() => 'that there is not');
    if (inPath.trim() !== nodeVersion)
      findings.push(noteFinding(`The Node that npm has brought is used, not that of PATH (${inPath.trim()}).`));
  }
  if (isMusl) {
    findings.push(
      problemFinding('This system has musl instead of glibc.', {
        cause: 'ONNX Runtime and the embedded PostgreSQL have no programs for musl, which Alpine has.',
        remedy: 'Use a Debian, Ubuntu or Red Hat image, as node:24-slim.',
      }),
    );
  } else if (!SYSTEMS.has(system)) {
    findings.push(
      problemFinding(`There are no programs for ${system}.`, {
        cause: 'ONNX Runtime or the embedded PostgreSQL is not built for it.',
        remedy: `Use one of ${[...SYSTEMS].join(', ')}.`,
      }),
    );
  }
  return findings;
};
