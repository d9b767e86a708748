// What all parts use: turns, settings, random numbers, messages, and the report at the end.
#include "device.h"
#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

using namespace stand_in;

const char *stand_in::running = nullptr;

namespace {
std::recursive_mutex &turns() {
    // Never destroyed: threads may call until the very end.
    static std::recursive_mutex *turns = new std::recursive_mutex();
    return *turns;
}

typedef std::map<std::string, std::map<std::string, unsigned long>> Numbers;
Numbers &numbers() {
    static Numbers *numbers = new Numbers();
    return *numbers;
}

// One line of JSON for this process: names are C identifiers and words, which need no escapes.
void report() {
    const char *path = getenv("BNTT_STAND_IN_REPORT");
    FILE *file = path ? fopen(path, "a") : nullptr;
    if (!file) return;
    std::string line = "{";
    for (auto &[group, of_group] : numbers()) {
        if (!group.empty()) line += "\"" + group + "\": {";
        for (auto &[name, number] : of_group) line += "\"" + name + "\": " + std::to_string(number) + ", ";
        if (!of_group.empty()) line.resize(line.size() - 2);
        line += group.empty() ? ", " : "}, ";
    }
    if (line.size() > 2) line.resize(line.size() - 2);
    fprintf(file, "%s}\n", line.c_str());
    fclose(file);
}
} // namespace

Turn::Turn() { turns().lock(); }
Turn::~Turn() { turns().unlock(); }

void stand_in::fault(const char *format, ...) {
    // Handlers of signals have small stacks: no streams here.
    static char text[2000];
    int length = snprintf(text, sizeof text, "GPU stand-in: ");
    va_list arguments;
    va_start(arguments, format);
    length += vsnprintf(text + length, sizeof text - length, format, arguments);
    va_end(arguments);
    length = std::min(length, (int)sizeof text - 200);
    length += snprintf(text + length, sizeof text - length, running ? " (while %.150s runs)\n" : "\n", running);
    if (write(STDERR_FILENO, text, length) != length) _exit(134);
    abort();
}

long stand_in::setting(const char *name, long otherwise) {
    const char *text = getenv((std::string("BNTT_STAND_IN_") + name).c_str());
    return text && *text ? strtol(text, nullptr, 10) : otherwise;
}

unsigned long stand_in::draw() {
    static unsigned long state = 0x5DEECE66Dul + (unsigned long)setting("SEED", 0) * 0x2545F4914F6CDD1Dul;
    unsigned long z = state += 0x9E3779B97F4A7C15ul;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ul;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBul;
    return z ^ (z >> 31);
}

void stand_in::count(const std::string &group, const std::string &name, unsigned long by) {
    static bool registered = false;
    if (!registered) registered = atexit(report) == 0;
    unsigned long &number = numbers()[group][name];
    // Peaks are not sums.
    if (group.empty() && name.rfind("peak", 0) == 0) {
        if (by > number) number = by;
    } else {
        number += by;
    }
}
