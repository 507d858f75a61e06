"""How jobs and schedules are displayed: ends in words, columns of lists, lines of JSON, the last lines of logs. Knows no worker."""
