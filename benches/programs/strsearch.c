/* Searching a text for words: Boyer, Moore and Horspool, and counting words by their letters. */
#include "kernel.h"

enum { LENGTH = 1 << 17 };
static char text[LENGTH];

static uint32_t occurrences(const char *word, uint32_t length) {
    uint32_t shift[256], found = 0;
    for (int i = 0; i < 256; i++) shift[i] = length;
    for (uint32_t i = 0; i + 1 < length; i++) shift[(uint8_t)word[i]] = length - 1 - i;
    for (uint32_t at = 0; at + length <= LENGTH;) {
        uint32_t left = length;
        while (left > 0 && text[at + left - 1] == word[left - 1]) left--;
        found += left == 0;
        at += shift[(uint8_t)text[at + length - 1]];
    }
    return found;
}

static uint32_t words_beginning_with(char letter) {
    uint32_t words = 0;
    char before = ' ';
    for (uint32_t i = 0; i < LENGTH; i++) {
        words += before == ' ' && text[i] == letter;
        before = text[i];
    }
    return words;
}

static uint64_t kernel(uint32_t repeats) {
    uint64_t random = 21, sum = 0;
    for (int i = 0; i < LENGTH; i++) {
        uint64_t number = next_random(&random);
        text[i] = number % 6 == 0 ? ' ' : "etaoinshrdlu"[(number >> 8) % 12];
    }
    static const char *const WORDS[] = {"the", "an", "shed", "lion", "no", "rest in"};
    for (uint32_t i = 0; i < repeats; i++) {
        const char *word = WORDS[i % 6];
        sum = mix(sum, occurrences(word, (uint32_t)strlen(word)));
        sum = mix(sum, words_beginning_with(word[0]));
        text[i * 31 % LENGTH] = word[1];
    }
    return sum;
}

KERNEL_MAIN(1200)
