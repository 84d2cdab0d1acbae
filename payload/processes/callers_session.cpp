#include "payload/processes/callers_session.hpp"

namespace dboot {

bool is_ssh_server(const ProcessStatus& process) {
  return process.name.starts_with("sshd") || process.name == "dropbear";
}

std::vector<pid_t> session_of(pid_t caller) {
  std::vector<pid_t> ancestors;
  std::size_t up_to_server = 0;
  std::size_t up_to_leader = 0;
  for (auto process = read_process_status(caller); process && process->pid > 1;
       process = read_process_status(process->parent)) {
    ancestors.push_back(process->pid);
    if (is_ssh_server(*process)) up_to_server = ancestors.size();
    if (up_to_leader == 0 && process->session == process->pid) up_to_leader = ancestors.size();
  }
  ancestors.resize(up_to_server != 0 ? up_to_server : up_to_leader);
  return ancestors;
}

}  // namespace dboot
