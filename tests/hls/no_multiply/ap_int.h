// SPDX-License-Identifier: Apache-2.0
// Integers without a multiplication: all else that the headers use of ap_int, so that a design compiles if it needs no product.
//
// No operator* exists, and none applies by conversion, because a conversion to a native integer must be spelled out. What is then
// multiplied natively shows in the compiler's own listing, which the test reads.
#ifndef NO_MULTIPLY_AP_INT_H_
#define NO_MULTIPLY_AP_INT_H_

#include <type_traits>

namespace no_multiply {

// A run-time integer; `BITS` and `SIGNED` tell types apart, as in ap_int, and say nothing about the value.
template <int BITS, bool SIGNED> struct integer {
    long long value;

    integer() = default;
    template <class NATIVE, class = typename std::enable_if<std::is_integral<NATIVE>::value>::type>
    integer(NATIVE from) : value(from) {}
    template <int B, bool S> integer(const integer<B, S> &from) : value(from.value) {}

    template <class NATIVE, class = typename std::enable_if<std::is_integral<NATIVE>::value>::type>
    explicit operator NATIVE() const {
        return NATIVE(value);
    }

    bool operator[](int bit) const { return (value >> bit) & 1; }
    integer operator~() const { return ~value; }
    integer operator-() const { return -value; }

    template <class OTHER> integer &operator+=(const OTHER &other) { return *this = *this + other; }
    template <class OTHER> integer &operator-=(const OTHER &other) { return *this = *this - other; }
    integer &operator<<=(int places) { return *this = *this << places; }
    integer &operator>>=(int places) { return *this = *this >> places; }
};

// The number behind an operand: an integer of this file or a native one.
template <int BITS, bool SIGNED> long long number(const integer<BITS, SIGNED> &x) { return x.value; }
template <class NATIVE> typename std::enable_if<std::is_integral<NATIVE>::value, long long>::type number(NATIVE x) { return x; }

template <class T> struct is_integer : std::false_type {};
template <int BITS, bool SIGNED> struct is_integer<integer<BITS, SIGNED>> : std::true_type {};

// The result of an operator, if at least one operand is an integer of this file.
template <class A, class B, class RESULT>
using result_of = typename std::enable_if<is_integer<A>::value || is_integer<B>::value, RESULT>::type;

typedef integer<64, true> wide;

#define NO_MULTIPLY_OPERATOR(OPERATOR, RESULT)                                                                                     \
    template <class A, class B> result_of<A, B, RESULT> operator OPERATOR(const A &a, const B &b) {                                \
        return number(a) OPERATOR number(b);                                                                                       \
    }
NO_MULTIPLY_OPERATOR(+, wide)
NO_MULTIPLY_OPERATOR(-, wide)
NO_MULTIPLY_OPERATOR(&, wide)
NO_MULTIPLY_OPERATOR(|, wide)
NO_MULTIPLY_OPERATOR(^, wide)
NO_MULTIPLY_OPERATOR(<<, wide)
NO_MULTIPLY_OPERATOR(>>, wide)
NO_MULTIPLY_OPERATOR(<, bool)
NO_MULTIPLY_OPERATOR(>, bool)
NO_MULTIPLY_OPERATOR(<=, bool)
NO_MULTIPLY_OPERATOR(>=, bool)
NO_MULTIPLY_OPERATOR(==, bool)
NO_MULTIPLY_OPERATOR(!=, bool)
#undef NO_MULTIPLY_OPERATOR

} // namespace no_multiply

template <int BITS> using ap_int = no_multiply::integer<BITS, true>;
template <int BITS> using ap_uint = no_multiply::integer<BITS, false>;

#endif
