set -e
cd /tmp
export GIT_AUTHOR_DATE='2024-01-01T00:00:00Z' GIT_COMMITTER_DATE='2024-01-01T00:00:00Z'
git config --global user.name test
git config --global user.email test@example.org
git config --global init.defaultBranch main
git config --global gc.auto 0
git init -q one
cd one
for i in 1 2 3 4 5; do
	echo "$i" >>file
	git add file
	git commit -q -m "change $i"
done
git checkout -q -b side HEAD~2
echo side >other
git add other
git commit -q -m side
git checkout -q main
git merge -q -m merge side
git gc -q
cd ..
git clone -q one two
cd two
git log --format='%h %s'
git diff --stat HEAD~1
git status --short
git fsck 2>/dev/null
