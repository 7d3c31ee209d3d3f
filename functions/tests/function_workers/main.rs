//! Function workers as real processes: this binary is started again as `function-worker`, as a sweeper and as a node.
//!
//! It has its own `main` because those roles begin before any test runner may; otherwise it behaves like one.

mod containment;
mod enclosure;
mod hostile;
mod invoke;
mod node;
mod protocol;
mod reload;
mod service;
mod site;

use homefront_functions::subcommand;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Duration;

/// Nothing here takes long unless it hangs; the machine may be slow.
const PATIENCE: Duration = Duration::from_mins(2);

type Test = (&'static str, fn());

/// The names of async tests with what runs them.
macro_rules! tests {
    ($($module:ident: $($test:ident)*;)*) => {
        &[$($((
            concat!(stringify!($module), "::", stringify!($test)),
            || crate::block_on($module::$test()),
        ),)*)*]
    };
}

const TESTS: &[Test] = tests! {
    service:
        a_function_answers_from_a_worker
        inline_functions_answer_the_same
        what_a_function_prints_is_in_the_log_with_its_name_and_the_requests_id
        a_function_that_does_not_compile_is_throttled_and_told_about
        a_top_level_that_throws_is_told_about_with_error_and_line
        what_only_cloudfronts_engine_rejects_is_refused
        what_only_cloudfronts_engine_rejects_runs_in_relaxed_fidelity
        a_function_that_nobody_associated_fails
        stores_are_read_and_replaced
        many_calls_at_once_all_get_their_own_answer
        calls_one_after_the_other_are_answered_whoever_looks_for_their_answers
        figures_count_what_happened;
    hostile:
        a_function_that_loops_is_killed_after_its_budget_and_nobody_else_notices
        a_call_does_not_pay_for_the_garbage_of_the_one_before
        what_a_call_had_printed_when_its_worker_ended_is_in_the_log
        a_call_that_computes_for_long_lets_others_have_its_processor
        a_call_has_its_whole_budget_to_compute_though_it_pauses
        so_does_one_of_a_function_that_killed_a_worker_lately_though_it_was_brief_since
        what_exhausts_the_engine_costs_one_request
        what_uses_up_the_memory_of_its_worker_is_told_so
        results_and_logs_are_bounded
        calls_are_refused_while_no_worker_can_be_started_and_answered_when_one_can
        a_viewers_text_that_stalls_a_regular_expression_costs_its_own_request
        a_source_that_aborts_the_parser_spoils_only_its_own_function
        a_source_that_loops_while_it_is_loaded_spoils_only_its_own_function
        a_function_that_kills_its_workers_again_and_again_is_throttled
        a_spare_takes_over_and_another_one_is_prepared
        a_worker_that_is_killed_costs_the_call_it_was_in
        calls_of_a_deadly_function_never_occupy_all_workers
        a_call_that_a_busy_machine_kept_from_running_is_spared
        a_worker_that_never_runs_again_is_killed_in_the_end
        calls_beyond_the_queue_are_throttled_at_once;
    reload:
        a_saved_function_serves_and_the_other_functions_go_on
        a_function_that_does_not_compile_leaves_the_last_good_one_serving
        a_function_that_was_broken_from_the_start_serves_when_it_is_mended
        a_function_that_aborts_or_stalls_the_compiler_harms_nobody
        a_function_that_stalls_the_compiler_holds_up_no_other
        what_mends_a_function_that_stalls_the_compiler_serves_at_once
        a_function_that_takes_long_to_compile_serves_when_it_is_compiled
        a_pipe_in_the_place_of_a_function_keeps_nobody_waiting
        a_function_that_is_deleted_goes_on_serving
        several_functions_saved_at_once_are_judged_one_by_one
        inline_functions_are_reloaded_too
        no_call_fails_and_none_goes_back_while_a_function_is_saved_again_and_again
        a_call_in_flight_ends_on_what_it_began_with
        a_storm_of_saves_is_bounded_work_and_the_last_one_serves
        figures_and_throttles_survive_what_did_not_change
        findings_are_those_of_what_serves
        nothing_is_left_of_what_served_before
        a_saved_store_is_read_by_the_next_call
        values_do_not_change_within_a_call
        stores_replaced_again_and_again_are_read_in_order_and_leak_nothing
        a_broken_store_leaves_the_last_good_one;
    containment:
        workers_have_no_files_no_privileges_and_little_memory
        workers_are_the_nodes_own_children_and_lead_groups
        a_template_that_is_killed_is_started_again_when_a_worker_is_missing
        only_a_child_that_nobody_has_is_taken_on
        stop_leaves_no_process
        dropping_leaves_no_process
        nothing_outlives_a_killed_node;
    enclosure:
        it_ends_as_its_program_does
        nothing_it_started_outlives_it
        it_sees_no_process_but_its_own
        its_folder_lies_over_tmp_for_it_alone
        nothing_can_be_written_into_a_folder_that_is_sealed
        its_channel_is_the_programs_alone
        what_it_left_running_is_counted
        all_of_it_stops_and_goes_on
        the_memory_of_a_program_that_ended_is_known
        its_limits_and_its_surroundings_are_its_programs
        a_template_of_launchers_that_is_killed_is_started_again
        a_template_of_launchers_that_hangs_is_replaced
        whoever_is_killed_while_it_starts_leaves_nothing;
    invoke:
        a_run_gives_output_log_and_utilization
        a_run_that_loops_is_killed_after_the_functions_budget
        a_source_that_does_not_compile_is_a_result
        an_error_has_its_line_and_what_is_to_blame_its_column_and_the_way_out
        an_event_that_is_none_is_an_error
        a_missing_source_is_an_error
        a_worker_that_dies_is_a_result;
    protocol:
        a_worker_that_gets_garbage_exits
        a_worker_exits_when_the_node_hangs_up
        a_worker_that_says_nonsense_at_its_start_is_an_error
        a_worker_that_lies_in_an_answer_costs_one_request
        a_missing_executable_is_an_error;
};

fn block_on(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(async { tokio::time::timeout(PATIENCE, test).await.expect("the test ends in time") });
}

fn main() -> ExitCode {
    if let Some(code) = subcommand::run() {
        return code;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == node::SUBCOMMAND) {
        return node::run();
    }
    if arguments.first().is_some_and(|first| first == protocol::IMPOSTOR) {
        return protocol::lie();
    }
    let list = arguments.iter().any(|argument| argument == "--list");
    let filters: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let chosen = |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    let mut failed = Vec::new();
    for (name, test) in TESTS.iter().filter(|(name, _)| chosen(name)) {
        if list {
            report(&format!("{name}: test"));
            continue;
        }
        let passed = catch_unwind(AssertUnwindSafe(test)).is_ok();
        report(&format!("test {name} ... {}", if passed { "ok" } else { "FAILED" }));
        if !passed {
            failed.push(*name);
        }
    }
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    report(&format!("failures: {failed:?}"));
    ExitCode::FAILURE
}

fn report(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{line}");
}
