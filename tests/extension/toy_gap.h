// SPDX-License-Identifier: Apache-2.0
// Distance of two integers; lies beside the headers that include it.
#ifndef TOY_GAP_H_
#define TOY_GAP_H_

namespace nnet {

template <class WIDE_T> WIDE_T gap(WIDE_T a, WIDE_T b) { return a < b ? WIDE_T(b - a) : WIDE_T(a - b); }

} // namespace nnet

#endif
