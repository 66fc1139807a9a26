// SPDX-License-Identifier: Apache-2.0
// Reads constant arrays from files of little-endian native integers. C simulation only.
#ifndef NNET_LOAD_H_
#define NNET_LOAD_H_

#include "nnet_types.h"

#include <cstdint>
#include <cstdio>
#include <string>

namespace nnet {

// Fills `count` elements; false when the file is missing or too short.
template <class NATIVE_T, class T> bool load_array(const char *folder, const char *file_name, T *values, long count) {
    std::FILE *file = std::fopen((std::string(folder) + "/" + file_name).c_str(), "rb");
    if (!file) {
        return false;
    }
    long index = 0;
    NATIVE_T value;
    while (index < count && std::fread(&value, sizeof value, 1, file) == 1) {
        values[index++] = value;
    }
    std::fclose(file);
    return index == count;
}

} // namespace nnet

#endif
