// SPDX-License-Identifier: Apache-2.0
// Sliding windows over (height, width, channel) codes: read from an array, or collected from a stream by line buffers.
//
// CONFIG_T: in_height, in_width, n_chan, kernel_height, kernel_width, stride_height, stride_width, pad_top, pad_bottom,
// pad_left, pad_right, out_height, out_width, n_filt, input_t, output_t, and pad_code, the code of padded pixels.
// APPLY: struct with `static void apply(const input_t window[n_window], output_t result[n_filt])`; windows are flat in
// (row, column, channel) order.
#ifndef NNET_WINDOW_H_
#define NNET_WINDOW_H_

#include "nnet_types.h"

namespace nnet {

// Sizes that follow from a layer's geometry.
template <class CONFIG_T> struct geometry {
    static const int n_row = CONFIG_T::kernel_width * CONFIG_T::n_chan;
    static const int n_window = CONFIG_T::kernel_height * n_row;
    static const int padded_height = CONFIG_T::pad_top + CONFIG_T::in_height + CONFIG_T::pad_bottom;
    static const int padded_width = CONFIG_T::pad_left + CONFIG_T::in_width + CONFIG_T::pad_right;
    static const int n_lines = CONFIG_T::kernel_height > 1 ? CONFIG_T::kernel_height - 1 : 1;

    static_assert(CONFIG_T::stride_height >= 1 && CONFIG_T::stride_width >= 1, "strides are at least 1");
    static_assert((padded_height - CONFIG_T::kernel_height) / CONFIG_T::stride_height + 1 == CONFIG_T::out_height,
                  "output height does not follow from input, padding, kernel and stride");
    static_assert((padded_width - CONFIG_T::kernel_width) / CONFIG_T::stride_width + 1 == CONFIG_T::out_width,
                  "output width does not follow from input, padding, kernel and stride");
};

// The window whose top left pixel is (top, left); rows and columns outside the image hold the pad code.
template <class CONFIG_T>
void read_window(const typename CONFIG_T::input_t data[CONFIG_T::in_height * CONFIG_T::in_width * CONFIG_T::n_chan], int top,
                 int left, typename CONFIG_T::input_t window[geometry<CONFIG_T>::n_window]) {
#pragma HLS INLINE
    int tap = 0;
WindowRows:
    for (int y = top; y < top + CONFIG_T::kernel_height; y++) {
#pragma HLS UNROLL
    WindowColumns:
        for (int x = left; x < left + CONFIG_T::kernel_width; x++) {
#pragma HLS UNROLL
            const bool inside = y >= 0 && y < CONFIG_T::in_height && x >= 0 && x < CONFIG_T::in_width;
        WindowChannels:
            for (int channel = 0; channel < CONFIG_T::n_chan; channel++) {
#pragma HLS UNROLL
                const int index = (y * CONFIG_T::in_width + x) * CONFIG_T::n_chan + channel;
                window[tap++] = inside ? data[index] : typename CONFIG_T::input_t(CONFIG_T::pad_code);
            }
        }
    }
}

// All windows of an array, row by row.
template <class CONFIG_T, class APPLY>
void slide(const typename CONFIG_T::input_t data[CONFIG_T::in_height * CONFIG_T::in_width * CONFIG_T::n_chan],
           typename CONFIG_T::output_t res[CONFIG_T::out_height * CONFIG_T::out_width * CONFIG_T::n_filt]) {
SlideRows:
    for (int row = 0; row < CONFIG_T::out_height; row++) {
    SlideColumns:
        for (int column = 0; column < CONFIG_T::out_width; column++) {
            typename CONFIG_T::input_t window[geometry<CONFIG_T>::n_window];
#pragma HLS ARRAY_PARTITION variable=window complete
            typename CONFIG_T::output_t result[CONFIG_T::n_filt];
#pragma HLS ARRAY_PARTITION variable=result complete
            read_window<CONFIG_T>(data, row * CONFIG_T::stride_height - CONFIG_T::pad_top,
                                  column * CONFIG_T::stride_width - CONFIG_T::pad_left, window);
            APPLY::apply(window, result);
        SlideStore:
            for (int filter = 0; filter < CONFIG_T::n_filt; filter++) {
#pragma HLS UNROLL
                res[(row * CONFIG_T::out_width + column) * CONFIG_T::n_filt + filter] = result[filter];
            }
        }
    }
}

// Line buffers: the last kernel_height - 1 rows of the padded image, and the window under the newest pixel.
template <class CONFIG_T> struct line_buffer {
    typedef typename CONFIG_T::input_t input_t;
    input_t lines[geometry<CONFIG_T>::n_lines][geometry<CONFIG_T>::padded_width][CONFIG_T::n_chan];
    input_t window[geometry<CONFIG_T>::n_window];

    // Takes the pixel of padded column `x`: the window moves one column left, the pixel enters bottom right.
    void push(const beat<input_t, CONFIG_T::n_chan> &pixel, int x) {
#pragma HLS INLINE
    LineRows:
        for (int i = 0; i < CONFIG_T::kernel_height; i++) {
#pragma HLS UNROLL
            input_t *row = window + i * geometry<CONFIG_T>::n_row;
        LineShift:
            for (int j = 0; j < geometry<CONFIG_T>::n_row - CONFIG_T::n_chan; j++) {
#pragma HLS UNROLL
                row[j] = row[j + CONFIG_T::n_chan];
            }
        LineChannels:
            for (int channel = 0; channel < CONFIG_T::n_chan; channel++) {
#pragma HLS UNROLL
                const bool newest = i == CONFIG_T::kernel_height - 1;
                const input_t code = newest ? pixel[channel] : lines[i][x][channel];
                row[geometry<CONFIG_T>::n_row - CONFIG_T::n_chan + channel] = code;
                if (i > 0) {
                    lines[i - 1][x][channel] = code;
                }
            }
        }
    }
};

// Fires at every stride-th position from `start` on.
template <int START, int STRIDE> struct stepper {
    int wait = START;

    bool step() {
        const bool fire = wait == 0;
        wait = fire ? STRIDE - 1 : wait - 1;
        return fire;
    }
};

// All windows of a stream of pixels. One pass over the padded image; a window leaves as soon as its last pixel is in.
template <class CONFIG_T, class APPLY>
void slide(stream<beat<typename CONFIG_T::input_t, CONFIG_T::n_chan>> &data,
           stream<beat<typename CONFIG_T::output_t, CONFIG_T::n_filt>> &res) {
    line_buffer<CONFIG_T> buffer;
#pragma HLS ARRAY_RESHAPE variable=buffer.lines complete dim=1
#pragma HLS ARRAY_RESHAPE variable=buffer.lines complete dim=3
#pragma HLS ARRAY_PARTITION variable=buffer.window complete
    stepper<CONFIG_T::kernel_height - 1, CONFIG_T::stride_height> rows;

StreamRows:
    for (int y = 0; y < geometry<CONFIG_T>::padded_height; y++) {
        const bool row_fires = rows.step();
        const bool row_inside = y >= CONFIG_T::pad_top && y < CONFIG_T::pad_top + CONFIG_T::in_height;
        stepper<CONFIG_T::kernel_width - 1, CONFIG_T::stride_width> columns;
    StreamColumns:
        for (int x = 0; x < geometry<CONFIG_T>::padded_width; x++) {
            beat<typename CONFIG_T::input_t, CONFIG_T::n_chan> pixel;
            if (row_inside && x >= CONFIG_T::pad_left && x < CONFIG_T::pad_left + CONFIG_T::in_width) {
                pixel = data.read();
            } else {
            StreamPad:
                for (int channel = 0; channel < CONFIG_T::n_chan; channel++) {
#pragma HLS UNROLL
                    pixel[channel] = CONFIG_T::pad_code;
                }
            }
            buffer.push(pixel, x);
            const bool column_fires = columns.step();
            if (row_fires && column_fires) {
                beat<typename CONFIG_T::output_t, CONFIG_T::n_filt> result;
                APPLY::apply(buffer.window, result.data);
                res.write(result);
            }
        }
    }
}

} // namespace nnet

#endif
