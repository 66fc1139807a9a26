// SPDX-License-Identifier: Apache-2.0
// One producer, two consumers: dataflow wants a copy for each.
//
// CONFIG_T: n_elem codes in vectors of `lanes`; code_t.
#ifndef NNET_FORK_H_
#define NNET_FORK_H_

#include "nnet_types.h"

namespace nnet {

// io_parallel
template <class CONFIG_T>
void fork(const typename CONFIG_T::code_t data[CONFIG_T::n_elem], typename CONFIG_T::code_t first[CONFIG_T::n_elem],
          typename CONFIG_T::code_t second[CONFIG_T::n_elem]) {
ForkCopy:
    for (int i = 0; i < CONFIG_T::n_elem; i++) {
#pragma HLS UNROLL factor=CONFIG_T::lanes
        first[i] = data[i];
        second[i] = data[i];
    }
}

// io_stream
template <class CONFIG_T>
void fork(stream<beat<typename CONFIG_T::code_t, CONFIG_T::lanes>> &data,
          stream<beat<typename CONFIG_T::code_t, CONFIG_T::lanes>> &first,
          stream<beat<typename CONFIG_T::code_t, CONFIG_T::lanes>> &second) {
ForkStream:
    for (int i = 0; i < CONFIG_T::n_elem; i += CONFIG_T::lanes) {
#pragma HLS PIPELINE II=1
        const beat<typename CONFIG_T::code_t, CONFIG_T::lanes> part = data.read();
        first.write(part);
        second.write(part);
    }
}

} // namespace nnet

#endif
