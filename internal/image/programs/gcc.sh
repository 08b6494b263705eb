set -e
cd /tmp
gcc -O2 -Wall -o hello /work/hello.c
./hello
gcc -c -o hello.o /work/hello.c
gcc -o again hello.o
./again
