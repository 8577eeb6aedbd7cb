#pragma once
#include <filesystem>
#include <string>

namespace modr::testing {

// Single datasets and attributes of an HDF5 file, changed in place, with right checksums: what a check has to notice.
// Each throws std::runtime_error when HDF5 refuses. An object "/" is the file.

void remove_dataset(const std::filesystem::path& file, const std::string& dataset);
void rename_dataset(const std::filesystem::path& file, const std::string& from, const std::string& to);
/// All floats by 2 %, or the first one by 0.5 where that would change none (zeros); of integers the first one by 1, of
/// a string the first letter.
void change_dataset(const std::filesystem::path& file, const std::string& dataset);
/// The first value that is a number becomes NaN. For floats.
void put_nan(const std::filesystem::path& file, const std::string& dataset);

/// The first number, by 1, or the first letter. For integers and strings.
void change_attribute(const std::filesystem::path& file, const std::string& object, const std::string& name);
void remove_attribute(const std::filesystem::path& file, const std::string& object, const std::string& name);
/// One new integer.
void add_attribute(const std::filesystem::path& file, const std::string& object, const std::string& name);

}  // namespace modr::testing
