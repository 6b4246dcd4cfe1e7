#pragma once
#include <string>
#include <string_view>
#include <vector>

/// What checksum_tree does with files, and nothing about processes.

/// A file or directory that could not be used, and why.
struct Failure {
  std::string path, reason;
};

struct Tree {
  std::vector<std::string> files;
  std::vector<Failure> failures;
};

/// The regular files at or below `root`, named as by `find root -type f` and in the order of their bytes.
/// Symbolic links are not followed; a directory that cannot be read is among the failures.
Tree list_files(std::string const& root);

/// The SHA-256 of a file's bytes in hexadecimal. Throws std::system_error if the file cannot be read.
std::string sha256(std::string const& path);

/// `path` fit for one line: backslash, newline and carriage return become `\\`, `\n` and `\r`.
std::string escaped(std::string_view path);

/// The line that coreutils' sha256sum prints. It begins with a backslash if the path had to be escaped.
std::string sha256sum_line(std::string_view digest, std::string_view path);
