// SPDX-License-Identifier: Apache-2.0
// The integer behind an input code: the code itself, or an entry of a table where codes are symbols.
//
// CONFIG_T: input_t, decode, and with decode
//   integers[n_integers]   grid integers, the first for code `first_code`
#ifndef NNET_OPERAND_H_
#define NNET_OPERAND_H_

#include "nnet_types.h"

namespace nnet {

template <class CONFIG_T, bool DECODE> struct operand {
    typedef typename CONFIG_T::input_t type;
    static type of(typename CONFIG_T::input_t code) { return code; }
};

template <class CONFIG_T> struct operand<CONFIG_T, true> {
    typedef typename CONFIG_T::integers_t type;
    static type of(typename CONFIG_T::input_t code) { return CONFIG_T::integers[int(code) - CONFIG_T::first_code]; }
};

} // namespace nnet

#endif
