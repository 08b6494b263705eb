set -e
nginx
for i in 1 2 3 4 5 6 7 8; do
	wget -q -O - http://127.0.0.1:8080/hello.txt
	wget -q -O - http://127.0.0.1:8080/again/hello.txt
done
wget -q -O /dev/null http://127.0.0.1:8080/slow.txt
wget -q -O - http://127.0.0.1:8080/missing 2>/dev/null || echo missing
nginx -s reload 2>/dev/null
wget -q -O - http://127.0.0.1:8080/hello.txt
nginx -s quit 2>/dev/null
sleep 0.05 # in any case
while [ -e /run/nginx.pid ]; do sleep 0.05; done
