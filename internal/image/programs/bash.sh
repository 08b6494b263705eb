set -e
perl /work/job.pl
declare -A table=([one]=1 [two]=2)
echo "${table[two]}"
diff <(printf 'a\nb\n') <(printf 'a\nc\n') || true
for i in {1..20}; do (exit 0) & done
wait
coproc cat
echo through >&"${COPROC[1]}"
read -r line <&"${COPROC[0]}"
echo "$line"
tar -C /work -c . | gzip | gzip -d | tar -t | sort | tail -n 1
sed -n '2p' <<<$'first\nsecond'
trap 'echo bye' EXIT
trap 'echo signal' USR2
kill -USR2 $$
