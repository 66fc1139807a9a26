// SPDX-License-Identifier: Apache-2.0
// Kernel of encoded products: gates turn (input, weight) into bits; equal bits are counted over the taps; once per output
// the counts are summed with their position weights. No multiplier: a position weight is a fixed set of shifts.
//
// Formula: acc = n_in * constant + sum_i positions[i] * #{taps : bit i of (input, weight)}. Native C simulation reads the
// sum of a tap's weighted bits from a table of all 65,536 operand pairs, which the same gates fill at start-up.
//
// CONFIG_T: n_in, n_out, groups, pe, simd, input_t, acc_t (see README.md), and
//   kinds[n_gates], lefts[n_gates], rights[n_gates]  gates in order: 0 not, 1 and, 2 nand, 3 or, 4 nor, 5 xor, 6 xnor; operands
//                                                    are nets: 0-7 bits of the input, 8-15 bits of the weight, 16 + g gate g
//   nets[n_bits], positions[n_bits]                  the encoded bits' nets and weights
//   constant, constant_sum                           added once a product; the same over all taps
//   weights[groups][n_in][n_out]                     signed 8-bit weights
//   decode, first_code, integers                     input codes to integers, as in nnet_kernel_multiply.h
#ifndef NNET_KERNEL_NETLIST_H_
#define NNET_KERNEL_NETLIST_H_

#include "nnet_kernel_multiply.h"
#include "nnet_types.h"

namespace nnet {

// Bits that hold a count of up to `taps`.
constexpr int count_bits(int taps) { return taps == 0 ? 0 : 1 + count_bits(taps >> 1); }

// One gate on words: each bit of T is a pair of operands of its own.
template <class T> T gate(int kind, T left, T right) {
#pragma HLS INLINE
    switch (kind) {
    case 0:
        return T(~left);
    case 1:
        return T(left & right);
    case 2:
        return T(~(left & right));
    case 3:
        return T(left | right);
    case 4:
        return T(~(left | right));
    case 5:
        return T(left ^ right);
    default:
        return T(~(left ^ right));
    }
}

// All nets of the encoder; nets[0..15] hold the operands' bits when it is called.
template <class CONFIG_T, class T> void encode_product(T nets[16 + CONFIG_T::n_gates]) {
#pragma HLS INLINE
EncodeGates:
    for (int g = 0; g < CONFIG_T::n_gates; g++) {
#pragma HLS UNROLL
        nets[16 + g] = gate<T>(int(CONFIG_T::kinds[g]), nets[int(CONFIG_T::lefts[g])], nets[int(CONFIG_T::rights[g])]);
    }
}

#ifdef DIETCNN_AP_TYPES

template <class CONFIG_T> struct netlist_kernel {
    typedef typename CONFIG_T::input_t input_t;
    typedef typename CONFIG_T::acc_t acc_t;
    typedef operand<CONFIG_T, CONFIG_T::decode> operand_t;
    typedef integer<count_bits(CONFIG_T::n_in), false> count_t;

    // The encoded bits of one product, added to the counts of one output.
    static void count(ap_uint<8> x, ap_uint<8> w, count_t counts[CONFIG_T::n_bits]) {
#pragma HLS INLINE
        ap_uint<1> nets[16 + CONFIG_T::n_gates];
#pragma HLS ARRAY_PARTITION variable=nets complete
    NetlistOperands:
        for (int bit = 0; bit < 8; bit++) {
#pragma HLS UNROLL
            nets[bit] = x[bit];
            nets[8 + bit] = w[bit];
        }
        encode_product<CONFIG_T, ap_uint<1>>(nets);
    NetlistCount:
        for (int i = 0; i < CONFIG_T::n_bits; i++) {
#pragma HLS UNROLL
            counts[i] += nets[int(CONFIG_T::nets[i])];
        }
    }

    // count * position by shifts: the digits of the position's canonical signed form, +1 where 3p has a bit that p lacks.
    static acc_t weigh(count_t counted, int position) {
#pragma HLS INLINE
        const int triple = position + position + position;
        acc_t sum = 0;
    NetlistDigits:
        for (int digit = 0; digit < 17; digit++) {
#pragma HLS UNROLL
            const acc_t shifted = acc_t(counted) << digit;
            if (((triple & ~position) >> (digit + 1)) & 1) {
                sum += shifted;
            }
            if (((~triple & position) >> (digit + 1)) & 1) {
                sum -= shifted;
            }
        }
        return sum;
    }

    static void accumulate(const input_t window[CONFIG_T::n_in], acc_t acc[CONFIG_T::n_out], int group) {
        count_t counts[CONFIG_T::n_out][CONFIG_T::n_bits];
#pragma HLS ARRAY_PARTITION variable=counts complete dim=0
    NetlistReset:
        for (int output = 0; output < CONFIG_T::n_out; output++) {
#pragma HLS UNROLL
        NetlistResetBits:
            for (int i = 0; i < CONFIG_T::n_bits; i++) {
                counts[output][i] = 0;
            }
        }

    NetlistTaps:
        for (int tap = 0; tap < CONFIG_T::n_in; tap += fold<CONFIG_T>::simd) {
        NetlistOutputs:
            for (int output = 0; output < CONFIG_T::n_out; output += fold<CONFIG_T>::pe) {
#pragma HLS PIPELINE II=1
            NetlistLanes:
                for (int simd = 0; simd < fold<CONFIG_T>::simd; simd++) {
                    const ap_uint<8> x = ap_uint<8>(int(operand_t::of(window[tap + simd])) & 255);
                    const auto &weights = CONFIG_T::weights[group][tap + simd];
                NetlistProducts:
                    for (int pe = 0; pe < fold<CONFIG_T>::pe; pe++) {
                        count(x, ap_uint<8>(int(weights[output + pe]) & 255), counts[output + pe]);
                    }
                }
            }
        }

    NetlistSum:
        for (int output = 0; output < CONFIG_T::n_out; output++) {
#pragma HLS PIPELINE II=1
            acc_t sum = CONFIG_T::constant_sum;
        NetlistPositions:
            for (int i = 0; i < CONFIG_T::n_bits; i++) {
                sum += weigh(counts[output][i], int(CONFIG_T::positions[i]));
            }
            acc[output] = sum;
        }
    }
};

#else

// The encoder's products of all operand pairs, filled by its gates 64 weights at a time.
template <class CONFIG_T> struct product_table {
    int32_t products[256][256];

    product_table() {
        uint64_t nets[16 + CONFIG_T::n_gates];
        for (int x = 0; x < 256; x++) {
            for (int first = 0; first < 256; first += 64) {
                for (int bit = 0; bit < 8; bit++) {
                    nets[bit] = -uint64_t((x >> bit) & 1);
                    nets[8 + bit] = 0;
                    for (int lane = 0; lane < 64; lane++) {
                        nets[8 + bit] |= uint64_t(((first + lane) >> bit) & 1) << lane;
                    }
                }
                encode_product<CONFIG_T, uint64_t>(nets);
                for (int lane = 0; lane < 64; lane++) {
                    int32_t sum = CONFIG_T::constant;
                    for (int i = 0; i < CONFIG_T::n_bits; i++) {
                        sum += ((nets[CONFIG_T::nets[i]] >> lane) & 1) ? CONFIG_T::positions[i] : 0;
                    }
                    products[x][first + lane] = sum;
                }
            }
        }
    }

    static const int32_t *row(int x) {
        static const product_table table;
        return table.products[x & 255];
    }
};

template <class CONFIG_T> struct netlist_kernel {
    typedef typename CONFIG_T::input_t input_t;
    typedef typename CONFIG_T::acc_t acc_t;
    typedef operand<CONFIG_T, CONFIG_T::decode> operand_t;

    static void accumulate(const input_t window[CONFIG_T::n_in], acc_t acc[CONFIG_T::n_out], int group) {
        acc_t sums[CONFIG_T::n_out] = {};
        for (int tap = 0; tap < CONFIG_T::n_in; tap++) {
            const int32_t *row = product_table<CONFIG_T>::row(int(operand_t::of(window[tap])));
            const auto &weights = CONFIG_T::weights[group][tap];
            for (int output = 0; output < CONFIG_T::n_out; output++) {
                sums[output] += row[uint8_t(weights[output])];
            }
        }
        for (int output = 0; output < CONFIG_T::n_out; output++) {
            acc[output] = sums[output];
        }
    }
};

#endif

} // namespace nnet

#endif
