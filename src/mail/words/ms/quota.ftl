# To an account, about what it has used: SMS are counted by segment. $used of $limit; $left are left. $anew: the
# day on which the month's count starts anew.

quota-month = { $account } telah menghantar { $used } daripada { $limit } SMS (segmen) bagi bulan ini; baki { $left }. Kiraan bermula semula pada { $anew }.
    .subject = { $percent } % daripada SMS bagi bulan ini telah digunakan
quota-month-all = { $account } telah menghantar kesemua { $limit } SMS (segmen) bagi bulan ini. SMS seterusnya ditolak. Kiraan bermula semula pada { $anew }.
    .subject = Semua SMS bagi bulan ini telah digunakan
quota-credit = { $account } telah menghantar { $used } daripada { $limit } SMS (segmen) dalam kreditnya; baki { $left }. Pentadbir boleh memperbaharuinya.
    .subject = { $percent } % daripada SMS dalam kredit anda telah digunakan
quota-credit-all = { $account } telah menghantar kesemua { $limit } SMS (segmen) dalam kreditnya. SMS seterusnya ditolak. Pentadbir boleh memperbaharuinya.
    .subject = Semua SMS dalam kredit anda telah digunakan
