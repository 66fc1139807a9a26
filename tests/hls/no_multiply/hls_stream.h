// SPDX-License-Identifier: Apache-2.0
// The interface of hls::stream, beside ap_int.h. Syntax only.
#ifndef NO_MULTIPLY_HLS_STREAM_H_
#define NO_MULTIPLY_HLS_STREAM_H_

namespace hls {

template <class T> struct stream {
    T item;
    T read() { return item; }
    void write(const T &value) { item = value; }
};

} // namespace hls

#endif
