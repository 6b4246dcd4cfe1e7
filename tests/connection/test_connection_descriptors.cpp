/// Descriptors and connections inside messages: each with its own message, none lost, none leaked.
#include <catch2/catch.hpp>

#include <cohort/multiprocessing/reduction.hpp>

#include "connection/support.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

namespace reduction = mp::reduction;

namespace {

/// An open file that holds `text`.
int file_with(std::string_view text) {
  int const file = ::memfd_create("test", MFD_CLOEXEC);
  if (::write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    throw std::runtime_error("memfd");
  return file;
}

std::string text_in(int file) {
  char text[64];
  auto const count = ::pread(file, text, sizeof text, 0);
  ::close(file);
  return count < 0 ? "unreadable" : std::string(text, static_cast<std::size_t>(count));
}

std::vector<reduction::DupFd> files(int count) {
  std::vector<reduction::DupFd> made;
  for (int i = 0; i < count; ++i) {
    int const file = file_with(std::to_string(i));
    made.emplace_back(file);
    ::close(file);
  }
  return made;
}

/// Sends bare descriptors with some bytes, as a hostile peer may.
void send_with_descriptors(int socket, std::string_view bytes, int descriptor, int count) {
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 16)];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int) * count);
  for (int i = 0; i < count; ++i)
    std::memcpy(CMSG_DATA(header) + i * sizeof(int), &descriptor, sizeof descriptor);
  ::sendmsg(socket, &message, 0);
}

}  // namespace

TEST_CASE("a connection is sent over a connection, also a one-way one") {
  mp::Connection here, there, reader, writer;
  std::tie(here, there) = mp::Pipe();
  std::tie(reader, writer) = mp::Pipe(false);
  auto const before = open_descriptors();
  Child child([&] {
    here.close();
    reader.close();
    auto const sent = there.recv<mp::Connection>();
    demand(sent.writable() && !sent.readable(), "the directions are lost");
    sent.send("through the sent end");
    auto const back = there.recv<mp::Connection>();
    demand(back.recv<int>() == 5, "the second connection");
  });
  there.close();
  here.send(writer);
  writer.close();
  CHECK(reader.recv<std::string>() == "through the sent end");
  mp::Connection a, b;
  std::tie(a, b) = mp::Pipe();
  b.send(5);
  here.send(a);
  a.close();
  CHECK(child.join() == 0);
  CHECK_THROWS_AS(reader.recv<int>(), cohort::EOFError);
  b.close();
  CHECK(open_descriptors() == before - 2);
}

TEST_CASE("descriptors travel through a one-way pipe, in its direction") {
  mp::Connection reader, writer;
  std::tie(reader, writer) = mp::Pipe(false);
  int const file = file_with("content");
  reduction::send_handle(writer, file);
  ::close(file);
  int const received = reduction::recv_handle(reader);
  CHECK(::fcntl(received, F_GETFD) == FD_CLOEXEC);
  CHECK(text_in(received) == "content");
}

TEST_CASE("each message has its own descriptors") {
  auto const before = open_descriptors();
  {
    mp::Connection a, b;
    std::tie(a, b) = mp::Pipe();
    auto const sent = files(6);
    a.send(std::vector{sent[0], sent[1]});
    a.send(1);
    a.send(std::vector{sent[2]});
    a.send(std::vector{sent[3], sent[4]});
    a.send(std::vector{sent[5]});
    auto const first = b.recv<std::vector<reduction::DupFd>>();
    CHECK(b.recv<int>() == 1);
    b.recv_bytes();  // the descriptor of this one is closed
    CHECK_THROWS_AS(b.recv<std::string>(), cohort::UnpicklingError);
    auto const last = b.recv<std::vector<reduction::DupFd>>();
    REQUIRE(first.size() == 2);
    REQUIRE(last.size() == 1);
    CHECK(text_in(first[0].detach()) == "0");
    CHECK(text_in(first[1].detach()) == "1");
    CHECK(text_in(last[0].detach()) == "5");
    CHECK(open_descriptors() == before + 2 + 6);
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("descriptors go with a message larger than the socket's buffer") {
  mp::Connection a, b;
  std::tie(a, b) = mp::Pipe(false);
  auto const sent = files(2);
  Child child([&] {
    a.close();
    for (auto const& file : sent) b.send(std::pair(std::vector<int>(1'000'000, 7), file));
  });
  b.close();
  for (auto const* const content : {"0", "1"}) {
    auto const [numbers, file] = a.recv<std::pair<std::vector<int>, reduction::DupFd>>();
    CHECK(numbers == std::vector<int>(1'000'000, 7));
    CHECK(text_in(file.detach()) == content);
  }
  CHECK(child.join() == 0);
}

TEST_CASE("253 descriptors travel in a message, more are a PicklingError and nothing is sent") {
  auto const before = open_descriptors();
  {
    mp::Connection a, b;
    std::tie(a, b) = mp::Pipe();
    auto const sent = files(254);
    CHECK_THROWS_WITH(a.send(sent), Catch::Contains("more than 253 descriptors"));
    CHECK_THROWS_AS(a.send(sent), cohort::PicklingError);
    CHECK_FALSE(b.poll());
    a.send(std::vector(sent.begin(), sent.begin() + 253));
    auto const received = b.recv<std::vector<reduction::DupFd>>();
    REQUIRE(received.size() == 253);
    for (int i = 0; i < 253; ++i) CHECK(text_in(received[i].detach()) == std::to_string(i));
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("a receiver out of descriptors gets EMFILE, leaks none and goes on") {
  int const room = GENERATE(0, 1, 3);
  Child child([&] {
    mp::Connection a, b;
    std::tie(a, b) = mp::Pipe();
    auto const sent = files(4);
    a.send(sent);
    a.send(7);
    a.send(sent);
    a.send(sent);
    auto const used = open_descriptors();
    int const probe = ::dup(0);  // the lowest free number
    ::close(probe);
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    rlimit const low{static_cast<rlim_t>(probe + room), before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &low);
    int const error = error_of([&] { b.recv<std::vector<reduction::DupFd>>(); });
    int const value = b.recv<int>();
    b.recv_bytes();  // which has no use for them
    int const pipe = error_of([] { mp::Pipe(); });
    ::setrlimit(RLIMIT_NOFILE, &before);
    demand(error == EMFILE, "no EMFILE");
    demand(value == 7, "the next message");
    demand(room > 1 || pipe == EMFILE, "a pipe was made");
    demand(open_descriptors() == used, "a descriptor leaked");
    demand(b.recv<std::vector<reduction::DupFd>>().size() == 4, "with room again");
  });
  CHECK(child.join() == 0);
}

TEST_CASE("a process out of descriptors still sends, receives and waits") {
  Child child([] {
    mp::Connection a, b;
    std::tie(a, b) = mp::Pipe();
    Child echo([&] {
      a.close();
      b.send_bytes(b.recv_bytes());
    });
    b.close();
    int const lowest = ::dup(0);
    ::close(lowest);
    rlimit const none{static_cast<rlim_t>(lowest), static_cast<rlim_t>(lowest)};
    ::setrlimit(RLIMIT_NOFILE, &none);
    auto const sent = pattern(3'000'000);
    Child sender([&] { a.send_bytes(sent); });
    demand(a.poll(5s), "poll");
    demand(a.recv_bytes() == sent, "echo");
  });
  CHECK(child.join() == 0);
}

TEST_CASE("descriptors that a hostile peer adds are closed") {
  auto const before = open_descriptors();
  {
    BarePeer peer;
    send_with_descriptors(peer.socket, std::string_view("\0\0", 2), 0, 3);
    send_with_descriptors(peer.socket, std::string_view("\0\2h", 3), 0, 16);
    send_with_descriptors(peer.socket, "i", 0, 1);
    CHECK(peer.end.recv_bytes() == bytes_of("hi"));
    send_with_descriptors(peer.socket, std::string_view("\0\0\0\5x", 5), 0, 2);
    peer.hang_up();
    CHECK(error_of([&] { peer.end.recv<int>(); }) == ECONNRESET);
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("a descriptor that did not come is an UnpicklingError") {
  mp::Connection a, b;
  std::tie(a, b) = mp::Pipe();
  a.send(files(1)[0]);
  auto const without = b.recv_bytes();
  a.send_bytes(without);
  CHECK_THROWS_AS(b.recv<reduction::DupFd>(), cohort::UnpicklingError);
  a.send(a);
  auto bytes = b.recv_bytes();
  a.send_bytes(bytes);
  CHECK_THROWS_AS(b.recv<mp::Connection>(), cohort::UnpicklingError);
}

TEST_CASE("DupFd") {
  auto const before = open_descriptors();
  {
    int const file = file_with("text");
    reduction::DupFd const handle(file);
    auto const copy = handle;
    ::close(file);
    CHECK(fmt::format("{}", handle).starts_with("<DupFd fd="));
    CHECK(text_in(copy.detach()) == "text");
    CHECK_THROWS_AS(handle.detach(), cohort::ValueError);
    CHECK(fmt::format("{}", handle) == "<DupFd detached>");
    mp::Connection a, b;
    std::tie(a, b) = mp::Pipe();
    CHECK_THROWS_AS(a.send(handle), cohort::ValueError);
    CHECK(error_of([] { reduction::DupFd(-1); }) == EBADF);
    auto const unused = files(3);
  }
  CHECK(open_descriptors() == before);
}
