#include "words.h"
#include <ctype.h>

long count_words(const char *text)
{
    long words = 0;
    int inside = 0;
    for (; *text; text++) {
        int is_blank = isspace((unsigned char)*text);
        words += !is_blank && !inside;
        inside = !is_blank;
    }
    return words;
}
