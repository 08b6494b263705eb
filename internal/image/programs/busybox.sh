set -e
cd /tmp
mkdir -p a/b
i=0
while [ $i -lt 50 ]; do
	echo "line $i" >>a/b/lines
	i=$((i + 1))
done
grep 1 a/b/lines | sort -r | head -n 3
wc -l <a/b/lines
tar -czf a.tar.gz a
rm -r a
tar -xzf a.tar.gz
ln -s lines a/b/link
find a | sort | tail -n 1
chmod 600 a/b/lines
stat -c %a a/b/lines
(sleep 0.05; echo late) &
echo soon
wait
dd if=/dev/zero bs=1k count=64 2>/dev/null | md5sum
id -u
kill -0 $$
