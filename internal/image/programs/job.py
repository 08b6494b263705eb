import hashlib, multiprocessing, os, select, socket, sqlite3, subprocess, sys, tempfile, threading, time

def square(n):
    return n * n

def serve(listener):
    for _ in range(20):
        connection, _ = listener.accept()
        with connection:
            connection.sendall(connection.recv(100).upper())

if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0))
    server = threading.Thread(target=serve, args=(listener,))
    server.start()
    for i in range(20):
        with socket.create_connection(listener.getsockname()) as s:
            s.sendall(b"hello %d" % i)
            select.select([s], [], [], 5)
            answer = s.recv(100)
    server.join()
    print(answer.decode())
    with tempfile.TemporaryDirectory() as d:
        with sqlite3.connect(os.path.join(d, "db")) as db:
            db.execute("create table t (n)")
            db.executemany("insert into t values (?)", [(n,) for n in range(1000)])
            print(db.execute("select sum(n) from t").fetchone()[0])
        print(sorted(os.listdir(d)))
    print(subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True, text=True).stdout.strip())
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(sum(pool.map(square, range(100))))
        pool.close()  # or its processes are killed, as far as they are there still
        pool.join()
    time.sleep(0.01)
    print(hashlib.sha256(bytes(10_000_000)).hexdigest()[:16])
