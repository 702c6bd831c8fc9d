# Why a mail became no SMS, below its recipient. SMTP replies say the same in English.

refused-too-deep = Mel ini mengandungi terlalu banyak mel bersarang untuk dihantar sebagai SMS
refused-too-many-parts = Mel ini mempunyai terlalu banyak bahagian untuk dihantar sebagai SMS
refused-long-header = Pengepala mel ini terlalu panjang untuk dihantar sebagai SMS
refused-too-big = Mel ini terlalu besar: teksnya tiba terlalu lewat untuk dihantar sebagai SMS
refused-no-text = Mel ini tiada teks yang boleh dihantar sebagai SMS
refused-encrypted = Mel ini disulitkan: SMS memerlukan teks biasa
refused-sealed = Teks mel ini berada di dalam tandatangannya: tandatangani sebagai teks biasa
refused-files = Fail tidak boleh dihantar sebagai SMS: hantar teks sahaja
refused-damaged = Mel ini rosak dan tidak boleh dihantar sebagai SMS
refused-too-long = Teks ini lebih panjang daripada yang boleh anda hantar sekali gus
