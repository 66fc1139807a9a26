// SPDX-License-Identifier: Apache-2.0
// Moves the codes of one sample between plain integers and the ports of a top function. Test bench and bridge only.
#ifndef NNET_PORTS_H_
#define NNET_PORTS_H_

#include "nnet_types.h"

namespace nnet {

template <int COUNT, class INT_T, class T> void put_codes(const INT_T *codes, T *port) {
    for (int i = 0; i < COUNT; i++) {
        port[i] = codes[i];
    }
}

template <int COUNT, class INT_T, class T, int LANES> void put_codes(const INT_T *codes, stream<beat<T, LANES>> &port) {
    for (int i = 0; i < COUNT; i += LANES) {
        beat<T, LANES> part;
        put_codes<LANES>(codes + i, part.data);
        port.write(part);
    }
}

template <int COUNT, class INT_T, class T> void get_codes(const T *port, INT_T *codes) {
    for (int i = 0; i < COUNT; i++) {
        codes[i] = INT_T(port[i]);
    }
}

template <int COUNT, class INT_T, class T, int LANES> void get_codes(stream<beat<T, LANES>> &port, INT_T *codes) {
    for (int i = 0; i < COUNT; i += LANES) {
        const beat<T, LANES> part = port.read();
        get_codes<LANES>(part.data, codes + i);
    }
}

} // namespace nnet

#endif
