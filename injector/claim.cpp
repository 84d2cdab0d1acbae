#include "injector/claim.hpp"

#include <fcntl.h>

#include <algorithm>
#include <functional>

#include "injector/failure.hpp"
#include "injector/guard.hpp"
#include "injector/inject/injection.hpp"
#include "injector/network/client.hpp"
#include "injector/preflight/confinement.hpp"
#include "injector/preflight/disks.hpp"
#include "injector/preflight/selinux.hpp"
#include "injector/target.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::claim {
namespace {

using Question = std::function<void()>;

UniqueFd open_root() {
  return sys::open("/", O_PATH | O_DIRECTORY);
}

/// Whether what lies below these root directories allows a takeover.
std::vector<Question> questions_about(const std::vector<int>& roots, const Wishes& wishes) {
  std::vector<Question> questions;
  for (const int root : roots) {
    questions.emplace_back([root] { guard::refuse_where_denied(root); });
    if (!wishes.force) questions.emplace_back([root] { guard::refuse_while_inhibited(root); });
  }
  // In a namespace no disk is let go of.
  if (wishes.require_release)
    questions.emplace_back([kept = wishes.kept_mounts] {
      if (Target::own_pid_1().is_machine()) disks::require_release(kept);
    });
  if (wishes.keep_network && !wishes.force)
    questions.emplace_back([] {
      const auto client = network::ssh_connection().client;
      if (!client.empty() && Target::own_pid_1().is_machine())
        network::refuse_links_that_end(client);
    });
  return questions;
}

/// Keeps what a question throws.
void collect(const Question& question, std::vector<Refusal>& reasons) {
  Refusal reason;
  try {
    question();
    return;
  } catch (const Failure& failure) {
    reason = {failure.what(), failure.mend()};
  } catch (const std::exception& error) {
    reason.what = error.what();
  }
  // The caller's root and that of PID 1 are the same one as a rule.
  if (std::find(reasons.begin(), reasons.end(), reason) == reasons.end())
    reasons.push_back(std::move(reason));
}

}  // namespace

UniqueFd take(const Wishes& wishes) {
  const Target target = Target::own_pid_1();
  const UniqueFd own_root = open_root();
  const UniqueFd root = target.open_root();
  for (const auto& ask : questions_about({own_root.get(), root.get()}, wishes)) ask();
  guard::refuse_rootfs(target.proc());
  guard::refuse_unusable_directory(root.get());
  UniqueFd lock = guard::lock(root.get());
  inject::check_traceable(target);
  confinement::check(target, wishes.force);
  return lock;
}

void ask_again(const Wishes& wishes) {
  const UniqueFd root = open_root();
  for (const auto& ask : questions_about({root.get()}, wishes)) ask();
}

std::string Refusal::text() const {
  return mend.empty() ? what : what + " (to mend it: " + mend + ")";
}

std::vector<Refusal> refusals(const Wishes& wishes, int staged_payload) {
  std::vector<Refusal> reasons;
  const UniqueFd own_root = open_root();
  for (const auto& question : questions_about({own_root.get()}, wishes)) collect(question, reasons);
  const auto look_at_pid_1 = [&] {
    const Target target = Target::own_pid_1();
    const UniqueFd root = target.open_root();
    auto questions = questions_about({root.get()}, wishes);
    questions.emplace_back([&] { guard::refuse_rootfs(target.proc()); });
    questions.emplace_back([&] { guard::refuse_unusable_directory(root.get()); });
    questions.emplace_back([&] { guard::refuse_while_locked(root.get()); });
    questions.emplace_back([&] { inject::check_traceable(target); });
    questions.emplace_back([&] { confinement::check(target, wishes.force); });
    questions.emplace_back([&] { selinux::check(target, staged_payload); });
    for (const auto& question : questions) collect(question, reasons);
  };
  collect(look_at_pid_1, reasons);
  return reasons;
}

}  // namespace dboot::claim
