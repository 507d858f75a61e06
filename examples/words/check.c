#include "words.h"
#include <stdio.h>

int main(void)
{
    if (count_words("") != 0 || count_words(" two\twords ") != 2) {
        fprintf(stderr, "count_words() counts wrongly\n");
        return 1;
    }
    puts("all checks passed");
    return 0;
}
