# Whether it has to wait is a matter of luck: it waits in any case.
set -e
cd /tmp
redis-server --daemonize yes --dir /tmp --appendonly yes --logfile /tmp/log >/dev/null
sleep 0.02
until redis-cli ping >/dev/null 2>&1; do sleep 0.02; done
redis-cli set key value
redis-cli incr counter
redis-cli eval 'return redis.call("get", KEYS[1])' 1 key
i=0
while [ $i -lt 300 ]; do echo "rpush list $i"; i=$((i + 1)); done | redis-cli >/dev/null
redis-cli llen list
redis-cli save
redis-cli bgrewriteaof
while redis-cli info persistence | grep -q 'aof_rewrite_in_progress:1'; do sleep 0.02; done
redis-cli flushall async
redis-cli shutdown
while [ -e /tmp/redis.pid ] || redis-cli ping >/dev/null 2>&1; do sleep 0.02; done
