// SPDX-License-Identifier: Apache-2.0
// Runs verilated designs side by side on whole test sets: streams input words, draws bubbles and back-pressure, collects
// outputs, counts cycles (of the run, and of every stream) and, when built with --trace, bit toggles.
//
// The top `sim_top` holds DESIGNS designs; every port is wide enough to be an array of 32-bit words. Usage: sim JOB, a text
// file with one line `seed input_permille output_permille timeout`, then a line a design,
// `in_file out_file in_beats out_beats images`: files of IN_WORDS (OUT_WORDS) 32-bit words a beat, beats of one image.
// Prints JSON; exit status 3 says that a design made no progress for `timeout` cycles, with the state of its streams.

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <unordered_map>
#include <vector>

#include "Vsim_top.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_vcd_c.h"

// Takes the place of the VCD file: parses the value changes and counts bits that differ from the value before.
class ToggleCounter final : public VerilatedVcdFile {
  public:
    uint64_t toggles = 0;
    bool counting = false;
    std::string clock;  // identifier code of the clock, which is not counted

    bool open(const std::string&) override { return true; }
    void close() override {}
    ssize_t write(const char* text, ssize_t size) override {
        for (ssize_t i = 0; i < size; ++i) {
            if (text[i] == '\n') {
                parse();
                line.clear();
            } else {
                line += text[i];
            }
        }
        return size;
    }

  private:
    std::string line;
    std::unordered_map<std::string, std::string> values;

    void parse() {
        if (line.empty()) return;
        if (line[0] == '$') {
            char code[64];
            if (clock.empty() && std::sscanf(line.c_str(), "$var wire 1 %63s clk $end", code) == 1) clock = code;
            return;
        }
        if (line[0] == '0' || line[0] == '1') {
            change(line.substr(1), line.substr(0, 1));
        } else if (line[0] == 'b') {
            const size_t space = line.find(' ');
            change(line.substr(space + 1), line.substr(1, space - 1));
        }
    }
    void change(const std::string& code, const std::string& value) {
        std::string& before = values[code];
        if (counting && code != clock) {
            // values are written with all their bits
            for (size_t i = 0; i < value.size() && i < before.size(); ++i) toggles += value[i] != before[i];
        }
        before = value;
    }
};
#endif

// xorshift64*: the same stalls for the same seed everywhere
class Random {
  public:
    explicit Random(uint64_t seed) : state(seed * 0x9E3779B97F4A7C15ull + 1) {}
    uint32_t next() {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        return static_cast<uint32_t>((state * 0x2545F4914F6CDD1Dull) >> 32);
    }
    bool chance(uint32_t permille) { return permille != 0 && next() % 1000 < permille; }

  private:
    uint64_t state;
};

// A stall rate that changes from burst to burst: sometimes none, sometimes nearly always
class Stall {
  public:
    explicit Stall(uint32_t permille) : rate(permille) {}
    bool draw(Random& random) {
        if (rate == 0) return false;
        if (left == 0) {
            left = 1 + random.next() % 200;
            const uint32_t kind = random.next() % 4;
            now = kind == 0 ? 0 : kind == 1 ? 900 : rate;
        }
        --left;
        return random.chance(now);
    }

  private:
    uint32_t rate;
    uint32_t now = 0;
    uint32_t left = 0;
};

struct Design {
    std::vector<uint32_t> input, output;
    std::string output_file;
    size_t in_beats = 0, out_beats = 0, images = 0;
    size_t sent = 0, received = 0;
    bool offering = false;
    uint64_t first_in = 0, last_progress = 0;
    std::vector<uint64_t> complete;  // cycle in which each image's last output word left
    bool done() const { return received == out_beats * images; }
};

static std::vector<uint32_t> read_words(const std::string& path, size_t count) {
    std::vector<uint32_t> words(count);
    FILE* file = std::fopen(path.c_str(), "rb");
    if (file == nullptr || std::fread(words.data(), 4, count, file) != count) {
        std::fprintf(stderr, "cannot read %zu words from %s\n", count, path.c_str());
        std::exit(1);
    }
    std::fclose(file);
    return words;
}

template <class PORT> static bool bit(const PORT& port, int index) { return (port[index / 32] >> (index % 32)) & 1; }
template <class PORT> static void set_bit(PORT& port, int index, bool value) {
    const uint32_t mask = 1u << (index % 32);
    port[index / 32] = value ? port[index / 32] | mask : port[index / 32] & ~mask;
}

class Bench {
  public:
    explicit Bench(const char* job) {
        FILE* file = std::fopen(job, "r");
        uint64_t seed;
        if (file == nullptr || std::fscanf(file, "%" SCNu64 " %u %u %" SCNu64, &seed, &in_rate, &out_rate, &timeout) != 4) {
            std::fprintf(stderr, "cannot read the job %s\n", job);
            std::exit(1);
        }
        random = Random(seed);
        char in_file[4096], out_file[4096];
        for (int i = 0; i < DESIGNS; ++i) {
            Design design;
            if (std::fscanf(file, "%4095s %4095s %zu %zu %zu", in_file, out_file, &design.in_beats, &design.out_beats,
                            &design.images) != 5) {
                std::fprintf(stderr, "the job lacks design %d\n", i);
                std::exit(1);
            }
            design.input = read_words(in_file, design.in_beats * design.images * IN_WORDS);
            design.output.resize(design.out_beats * design.images * OUT_WORDS);
            design.output_file = out_file;
            designs.push_back(design);
            in_stalls.emplace_back(in_rate);
            out_stalls.emplace_back(out_rate);
        }
        std::fclose(file);
#if VM_TRACE
        Verilated::traceEverOn(true);
        top.trace(&trace, 99);
        trace.open("toggles");
#endif
    }

    int run() {
        top.rst = 1;
        for (int i = 0; i < 4; ++i) edge();
        top.rst = 0;
        while (!finished()) {
            offer();
            top.clk = 0;
            top.eval();
            observe();
            top.clk = 1;
            top.eval();
            dump();
            ++cycle;
            if (stuck()) return 3;
        }
        report();
        return 0;
    }

  private:
    Vsim_top top;
    Random random{0};
    uint32_t in_rate = 0, out_rate = 0;
    uint64_t timeout = 0, cycle = 0;
    std::vector<Design> designs;
    std::vector<Stall> in_stalls, out_stalls;
    std::vector<uint64_t> moved = std::vector<uint64_t>(STREAMS), stalled = moved;  // cycles of each stream
#if VM_TRACE
    ToggleCounter counter;
    VerilatedVcdC trace{&counter};
#endif
    uint64_t toggles_from = 0;

    void edge() {
        top.clk = 0;
        top.eval();
        top.clk = 1;
        top.eval();
        dump();
        ++cycle;
    }

    void dump() {
#if VM_TRACE
        trace.dump(cycle);
#endif
    }

    uint64_t toggles() {
#if VM_TRACE
        trace.flush();
        counter.counting = true;
        return counter.toggles;
#else
        return 0;
#endif
    }

    bool finished() const {
        for (const Design& design : designs) {
            if (!design.done()) return false;
        }
        return true;
    }

    // a word once offered stays until it is taken
    void offer() {
        for (int i = 0; i < DESIGNS; ++i) {
            Design& design = designs[i];
            if (!design.offering) {
                design.offering = design.sent < design.in_beats * design.images && !in_stalls[i].draw(random);
                if (design.offering) {
                    std::memcpy(&top.in_data[i * IN_WORDS], &design.input[design.sent * IN_WORDS], 4 * IN_WORDS);
                }
            }
            set_bit(top.in_valid, i, design.offering);
            set_bit(top.out_ready, i, !out_stalls[i].draw(random));
        }
    }

    void observe() {
        for (int s = 0; s < STREAMS; ++s) {
            const bool valid = bit(top.stream_valid, s), ready = bit(top.stream_ready, s);
            moved[s] += valid && ready;
            stalled[s] += valid && !ready;
        }
        for (int i = 0; i < DESIGNS; ++i) {
            Design& design = designs[i];
            if (design.offering && bit(top.in_ready, i)) {
                if (design.sent == 0) design.first_in = cycle;
                ++design.sent;
                design.offering = false;
                design.last_progress = cycle;
            }
            if (bit(top.out_valid, i) && bit(top.out_ready, i)) {
                if (design.done()) {
                    std::fprintf(stderr, "design %d yields more words than its images have\n", i);
                    std::exit(1);
                }
                std::memcpy(&design.output[design.received * OUT_WORDS], &top.out_data[i * OUT_WORDS], 4 * OUT_WORDS);
                ++design.received;
                design.last_progress = cycle;
                if (design.received % design.out_beats == 0) {
                    if (design.complete.empty()) toggles_from = toggles();
                    design.complete.push_back(cycle);
                }
            }
        }
    }

    bool stuck() {
        for (int i = 0; i < DESIGNS; ++i) {
            const Design& design = designs[i];
            if (design.done() || cycle - design.last_progress <= timeout) continue;
            std::printf("{\"stuck\": %d, \"cycle\": %" PRIu64 ", \"sent\": %zu, \"received\": %zu, \"valid\": [", i, cycle,
                        design.sent, design.received);
            for (int s = 0; s < STREAMS; ++s) std::printf("%s%d", s ? ", " : "", bit(top.stream_valid, s));
            std::printf("], \"ready\": [");
            for (int s = 0; s < STREAMS; ++s) std::printf("%s%d", s ? ", " : "", bit(top.stream_ready, s));
            std::printf("]}\n");
            return true;
        }
        return false;
    }

    void report() {
        const uint64_t counted = toggles() - toggles_from;
        std::printf("{\"cycles\": %" PRIu64 ", \"toggles\": %" PRIu64 ", \"designs\": [", cycle, counted);
        for (int i = 0; i < DESIGNS; ++i) {
            const Design& design = designs[i];
            FILE* file = std::fopen(design.output_file.c_str(), "wb");
            if (file == nullptr || std::fwrite(design.output.data(), 4, design.output.size(), file) != design.output.size()) {
                std::fprintf(stderr, "cannot write %s\n", design.output_file.c_str());
                std::exit(1);
            }
            std::fclose(file);
            std::printf("%s{\"first\": %" PRIu64 ", \"complete\": [", i ? ", " : "", design.first_in);
            for (size_t k = 0; k < design.complete.size(); ++k) {
                std::printf("%s%" PRIu64, k ? ", " : "", design.complete[k]);
            }
            std::printf("]}");
        }
        std::printf("], \"moved\": [");
        for (int s = 0; s < STREAMS; ++s) std::printf("%s%" PRIu64, s ? ", " : "", moved[s]);
        std::printf("], \"stalled\": [");
        for (int s = 0; s < STREAMS; ++s) std::printf("%s%" PRIu64, s ? ", " : "", stalled[s]);
        std::printf("]}\n");
    }
};

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s JOB\n", argv[0]);
        return 2;
    }
    Verilated::randReset(2);
    Bench bench(argv[1]);
    return bench.run();
}
