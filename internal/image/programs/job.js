const http = require('http');
const fs = require('fs');
const os = require('os');
const path = require('path');
const zlib = require('zlib');
const { execFileSync } = require('child_process');
const { Worker, isMainThread, parentPort } = require('worker_threads');
const { promisify } = require('util');

if (!isMainThread) {
  parentPort.postMessage(6 * 7);
} else {
  (async () => {
    const server = http.createServer((request, response) => response.end('hello ' + request.url));
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    const get = (url) => new Promise((done, fail) => http.get({ port: server.address().port, host: '127.0.0.1', path: url }, (r) => {
      let text = '';
      r.on('data', (chunk) => { text += chunk; });
      r.on('end', () => done(text));
    }).on('error', fail));
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => get('/' + i)));
    console.log(answers[49]);
    server.close();
    const dir = await fs.promises.mkdtemp(path.join(os.tmpdir(), 'job-'));
    await fs.promises.writeFile(path.join(dir, 'file'), 'x'.repeat(100000));
    console.log((await fs.promises.stat(path.join(dir, 'file'))).size);
    await fs.promises.rm(dir, { recursive: true });
    console.log((await promisify(zlib.gzip)('x'.repeat(100000))).length < 1000);
    console.log(execFileSync(process.execPath, ['-p', '1 + 1']).toString().trim());
    const worker = new Worker(__filename);
    console.log(await new Promise((done) => worker.on('message', done)));
  })();
}
