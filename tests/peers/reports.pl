# What Mail::DeliveryStatus::BounceParser makes of a report on standard input: a line "ADDRESS ACTION STATUS REASON" for
# each recipient that it takes for bounced. Debian: libmail-deliverystatus-bounceparser-perl.

use strict;
use warnings;
use Mail::DeliveryStatus::BounceParser;

my $bounce = Mail::DeliveryStatus::BounceParser->new(do { local $/; <STDIN> });
for my $report ($bounce->reports) {
    my ($status) = ($report->get('status') // '') =~ /(\d\.\d+\.\d+)/;
    my ($action) = ($report->get('action') // '') =~ /(\w+)/;
    printf "%s %s %s %s\n", $report->get('email'), $action // '-', $status // '-', $report->get('std_reason') // '-';
}
