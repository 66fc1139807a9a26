// SPDX-License-Identifier: Apache-2.0
// Drives random inputs for the number of cycles given and prints: cycles compared, cycles that differ, output bits that ever toggled.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include "Vequivalence.h"
#include "verilated.h"

int main(int argc, char** argv) {
    Verilated::commandArgs(argc, argv);
    const long cycles = std::atol(argv[1]);
    Vequivalence top;
    uint64_t state = 88172645463325252ull;
    uint32_t last[6] = {}, toggled[6] = {};
    long compared = 0, differing = 0;
    for (long cycle = 0; cycle < cycles; ++cycle) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        top.in = static_cast<uint32_t>(state >> 16);
        top.rst = cycle < 4;
        top.clk = 0;
        top.eval();
        top.clk = 1;
        top.eval();
        if (cycle < 4) continue;
        ++compared;
        uint32_t any = 0;
        for (int word = 0; word < 6; ++word) {
            any |= top.differs[word];
            if (compared > 1) toggled[word] |= top.out[word] ^ last[word];
            last[word] = top.out[word];
        }
        differing += any != 0;
    }
    int bits = 0;
    for (uint32_t word : toggled) bits += __builtin_popcount(word);
    std::printf("%ld %ld %d\n", compared, differing, bits);
}
