#include "shared/proc/process_status.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace dboot {
namespace {

constexpr const char* status =
    "Name:\tmy) prog\n"
    "State:\tS (sleeping)\n"
    "Pid:\t4242\nPPid:\t17\nTracerPid:\t99\n"
    "NSpid:\t4242\t1\n"
    "Threads:\t3\n"
    "SigPnd:\t0000000000000000\nShdPnd:\t0000000000004000\n"
    "SigBlk:\t0000000000010000\nSigIgn:\t0000000000001000\nSigCgt:\t0000000180004a03\n";

TEST(ProcessStatus, CombinesStatusAndStat) {
  const auto process =
      parse_process_status(status,
                           "4242 (my) prog) S 17 4241 4240 34816 4242 4194304 0 0 0 0 0 0 0 0 20 0 "
                           "3 0 987654 0\n");
  ASSERT_TRUE(process);
  EXPECT_EQ(process->pid, 4242);
  EXPECT_EQ(process->parent, 17);
  EXPECT_EQ(process->name, "my) prog");
  EXPECT_EQ(process->state, 'S');
  EXPECT_EQ(process->tracer, 99);
  EXPECT_THAT(process->namespace_pids, testing::ElementsAre(4242, 1));
  EXPECT_TRUE(process->pending & signal_bit(SIGTERM));
  EXPECT_TRUE(process->blocked & signal_bit(SIGCHLD));
  EXPECT_TRUE(process->ignored & signal_bit(SIGPIPE));
  EXPECT_TRUE(process->caught & signal_bit(SIGTERM));
  EXPECT_EQ(process->session, 4240);
  EXPECT_EQ(process->terminal, makedev(136, 0));
  EXPECT_EQ(process->threads, 3);
  EXPECT_EQ(process->started, 987654U);
  EXPECT_FALSE(process->kernel_thread);
}

TEST(ProcessStatus, KernelThreadIsToldByItsFlag) {
  const auto process = parse_process_status("State:\tI (idle)\nPid:\t2\nPPid:\t0\n",
                                            "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0\n");
  ASSERT_TRUE(process);
  EXPECT_TRUE(process->kernel_thread);
}

TEST(ProcessStatus, OfAProcessThatHasEndedIsEmpty) {
  EXPECT_FALSE(parse_process_status("", ""));
  EXPECT_FALSE(parse_process_status(status, ""));
  EXPECT_FALSE(parse_process_status(status, "4242 (my prog S"));
}

TEST(ProcessStatus, ReadsItsOwnProcess) {
  const auto self = read_process_status(::getpid());
  ASSERT_TRUE(self);
  EXPECT_EQ(self->parent, ::getppid());
  EXPECT_THAT(list_processes(), testing::Contains(::getpid()));
}

}  // namespace
}  // namespace dboot
