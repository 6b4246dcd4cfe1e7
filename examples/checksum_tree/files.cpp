#include "files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <stdexcept>
#include <system_error>

namespace fs = std::filesystem;

Tree list_files(std::string const& root) {
  Tree tree;
  std::error_code error;
  std::vector<fs::path> directories;
  // A link given as the root is no regular file either, unless a slash at its end asks for what it points to.
  fs::file_type const type = fs::symlink_status(root, error).type();
  if (type == fs::file_type::directory) directories.emplace_back(root);
  if (type == fs::file_type::regular) tree.files.push_back(root);
  if (error) tree.failures.push_back({root, error.message()});

  // A list of what is left, not recursion: only one directory is open at a time, however deep the tree.
  while (!directories.empty()) {
    fs::path const directory = std::move(directories.back());
    directories.pop_back();
    fs::directory_iterator entry(directory, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
      std::error_code gone;  // the entry may have been removed meanwhile; then it is of no type at all
      if (entry->is_symlink(gone)) continue;
      if (entry->is_directory(gone)) directories.push_back(entry->path());
      if (entry->is_regular_file(gone)) tree.files.push_back(entry->path().native());
    }
    if (error) tree.failures.push_back({directory.native(), error.message()});
  }
  std::sort(tree.files.begin(), tree.files.end());
  return tree;
}

std::string sha256(std::string const& path) {
  // Looked up and allocated once a process, used for file after file: most files are small.
  static EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  static EVP_MD_CTX* const state = EVP_MD_CTX_new();
  static std::vector<std::byte> buffer(256 * 1024);

  struct File {
    int const descriptor;
    ~File() { ::close(descriptor); }
  } const file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)};
  if (file.descriptor < 0) throw std::system_error(errno, std::generic_category());
  bool computed = EVP_DigestInit_ex2(state, algorithm, nullptr) == 1;
  ssize_t size = 0;
  while ((size = ::read(file.descriptor, buffer.data(), buffer.size())) > 0)
    computed = computed && EVP_DigestUpdate(state, buffer.data(), static_cast<std::size_t>(size)) == 1;
  if (size < 0) throw std::system_error(errno, std::generic_category());

  std::array<unsigned char, 32> digest{};
  computed = computed && EVP_DigestFinal_ex(state, digest.data(), nullptr) == 1;
  if (!computed) throw std::runtime_error("libcrypto does not compute SHA-256");
  return fmt::format("{:02x}", fmt::join(digest, ""));
}

std::string escaped(std::string_view path) {
  std::string text;
  for (char const c : path) {
    std::size_t const which = std::string_view("\\\n\r").find(c);
    if (which == std::string_view::npos)
      text += c;
    else
      text.append({'\\', "\\nr"[which]});
  }
  return text;
}

std::string sha256sum_line(std::string_view digest, std::string_view path) {
  std::string const name = escaped(path);
  return fmt::format("{}{}  {}\n", name.size() == path.size() ? "" : "\\", digest, name);
}
