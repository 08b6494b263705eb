use strict;
use warnings;
use File::Temp qw(tempdir);
use IO::Socket::INET;
use Time::HiRes qw(ualarm);

my $dir = tempdir(CLEANUP => 1);
open(my $out, '>', "$dir/file") or die;
print $out "$_\n" for 1 .. 100;
close $out;
print scalar(`sort -rn $dir/file | head -n 1`);
print scalar(`awk '{ n += \$1 } END { print n }' $dir/file`);
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5) or die;
my $pid = fork;
if (!$pid) {
	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $listener->sockport) or die;
	print $s "hello\n";
	exit 5;
}
my $s = $listener->accept;
print scalar <$s>;
waitpid $pid, 0;
print $? >> 8, "\n";
local $SIG{ALRM} = sub { print "alarm\n" };
ualarm 20_000;
select undef, undef, undef, 5;
