// SPDX-License-Identifier: Apache-2.0
// Integers without a multiplication, for compiling lookup designs and seeing that they need none. Syntax only.
#ifndef NO_MULTIPLY_AP_INT_H_
#define NO_MULTIPLY_AP_INT_H_

template <int BITS, bool SIGNED> struct ap_number {
    long long value;
    ap_number(long long from = 0) : value(from) {}
    operator long long() const { return value; }
    template <class T> ap_number &operator+=(const T &other) {
        value += (long long)other;
        return *this;
    }
};

template <int BITS> struct ap_int : ap_number<BITS, true> {
    using ap_number<BITS, true>::ap_number;
};
template <int BITS> struct ap_uint : ap_number<BITS, false> {
    using ap_number<BITS, false>::ap_number;
};

template <int A, bool S, int B, bool T> void operator*(const ap_number<A, S> &, const ap_number<B, T> &) = delete;
template <int A, bool S> void operator*(const ap_number<A, S> &, long long) = delete;
template <int A, bool S> void operator*(const ap_number<A, S> &, int) = delete;
template <int A, bool S> void operator*(int, const ap_number<A, S> &) = delete;
template <int A, bool S> void operator*(long long, const ap_number<A, S> &) = delete;

#endif
