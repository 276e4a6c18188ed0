using System.Text.Json.Nodes;
using Campfire.Realtime.Emulator.Rest;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Emulator.Tests;

public sealed class RpcErrorTests
{
    private static CampfireEmulator Emulator => EmulatorFixture.Emulator;

    [OneTimeSetUp]
    public Task CreateFunctions() => RestAnswer.ExecuteAsync(Emulator.ConnectionString, """
        create function public.err_raise(p_state text, p_message text default 'what', p_detail text default 'why') returns void language plpgsql as
            $$ begin raise exception using errcode = p_state, message = p_message, detail = p_detail, hint = 'how'; end $$;
        create function public.err_bare() returns void language plpgsql as $$ begin raise exception 'plain'; end $$;
        create function public.err_sayhello(name text) returns text language sql as $$ select name $$;
        create table public.err_once (id int unique deferrable initially deferred);
        create function public.err_late() returns int language sql security definer as $$ insert into public.err_once values (1), (1); select 1 $$;
        """);

    // https://docs.postgrest.org/en/v14/references/errors.html#http-status-codes
    [TestCase("08003", 503)]
    [TestCase("09000", 500)]
    [TestCase("0L000", 403)]
    [TestCase("0P000", 403)]
    [TestCase("21000", 500)]
    [TestCase("22012", 400)]
    [TestCase("22023", 400)]
    [TestCase("22P02", 400)]
    [TestCase("23502", 400)]
    [TestCase("23503", 409)]
    [TestCase("23505", 409)]
    [TestCase("23514", 400)]
    [TestCase("25006", 405)]
    [TestCase("25001", 500)]
    [TestCase("28000", 403)]
    [TestCase("2D000", 500)]
    [TestCase("38000", 500)]
    [TestCase("39000", 500)]
    [TestCase("3B000", 500)]
    [TestCase("40001", 500)]
    [TestCase("40P01", 500)]
    [TestCase("42501", 401)]
    [TestCase("42601", 400)]
    [TestCase("42703", 400)]
    [TestCase("42883", 404)]
    [TestCase("42P01", 404)]
    [TestCase("42P17", 500)]
    [TestCase("53300", 503)]
    [TestCase("53400", 500)]
    [TestCase("54001", 500)]
    [TestCase("55P03", 500)]
    [TestCase("57014", 500)]
    [TestCase("57P01", 503)]
    [TestCase("58000", 500)]
    [TestCase("F0000", 500)]
    [TestCase("HV000", 500)]
    [TestCase("P0001", 400)]
    [TestCase("P0002", 500)]
    [TestCase("XX000", 500)]
    [TestCase("PT402", 402)]
    [TestCase("PT404", 404)]
    [TestCase("PT409", 409)]
    [TestCase("PT422", 422)]
    [TestCase("PT429", 429)]
    [TestCase("PT503", 503)]
    [TestCase("PTABC", 500)]
    [TestCase("PT999", 500)]
    [TestCase("AB123", 400)]
    public async Task Every_state_of_the_database_has_its_status(string state, int status)
    {
        var answer = await RestAnswer.PostAsync(Emulator, "rpc/err_raise", $$"""{"p_state":"{{state}}"}""");

        Assert.That((answer.Status, answer.Text), Is.EqualTo((status, $$"""{"code":"{{state}}","details":"why","hint":"how","message":"what"}""")));
        Assert.That(answer.Headers.GetValues("Proxy-Status").Single(), Is.EqualTo($"PostgREST; error={state}"));
        Assert.That(answer.Headers.WwwAuthenticate.ToString(), Is.EqualTo(status == 401 ? "Bearer" : ""));
    }

    [TestCase("21000", "UPDATE requires a WHERE clause", 400)]
    [TestCase("22023", "role \"x\" does not exist", 401)]
    [TestCase("42883", "function xmlagg(integer) does not exist", 406)]
    public async Task Some_states_depend_on_the_message(string state, string message, int status) =>
        Assert.That((await RaiseAsync(state, message, "why")).Status, Is.EqualTo(status));

    [Test]
    public async Task A_missing_privilege_is_403_for_who_has_signed_in()
    {
        var answer = await RestAnswer.PostAsync(Emulator, "rpc/err_raise", """{"p_state":"42501"}""", Emulator.CreateAgentToken(Guid.NewGuid()));

        Assert.That((answer.Status, answer.Code), Is.EqualTo((403, "42501")));
    }

    [Test]
    public async Task A_plain_exception_is_400_with_nulls_for_what_it_does_not_say()
    {
        var answer = await RestAnswer.PostAsync(Emulator, "rpc/err_bare", "");

        Assert.That((answer.Status, answer.Text), Is.EqualTo((400, """{"code":"P0001","details":null,"hint":null,"message":"plain"}""")));
    }

    [Test]
    public async Task What_the_commit_finds_out_is_told_like_any_other_error()
    {
        var answer = await RestAnswer.PostAsync(Emulator, "rpc/err_late", "");

        Assert.That((answer.Status, answer.Code), Is.EqualTo((409, "23505")));
    }

    [Test]
    public async Task A_function_can_decide_on_the_whole_answer()
    {
        var answer = await RaiseAsync("PGRST", """{"code":"123","message":"Teapot","details":"d"}""", """{"status":418,"headers":{"X-Brew":"tea"}}""");

        Assert.That((answer.Status, answer.Text), Is.EqualTo((418, """{"code":"123","details":"d","hint":null,"message":"Teapot"}""")));
        Assert.That(answer.Headers.GetValues("X-Brew").Single(), Is.EqualTo("tea"));
    }

    [TestCase("nonsense", """{"status":418,"headers":{}}""", "Invalid JSON value for MESSAGE: 'nonsense'")]
    [TestCase("""{"code":"1"}""", """{"status":418,"headers":{}}""", """Invalid JSON value for MESSAGE: '{"code":"1"}'""")]
    [TestCase("""{"code":"1","message":"m"}""", "nonsense", "Invalid JSON value for DETAIL: 'nonsense'")]
    [TestCase("""{"code":"1","message":"m"}""", """{"status":"x","headers":{}}""", """Invalid JSON value for DETAIL: '{"status":"x","headers":{}}'""")]
    public async Task A_whole_answer_that_cannot_be_read_is_500(string message, string detail, string details)
    {
        var answer = await RaiseAsync("PGRST", message, detail);

        Assert.That((answer.Status, answer.Code, (string?)answer.Json!["details"]), Is.EqualTo((500, "PGRST121", details)));
    }

    [Test]
    public async Task An_unknown_function_is_404_with_a_function_of_a_similar_name()
    {
        var answer = await RestAnswer.GetAsync(Emulator, "rpc/err_sayhell");

        Assert.That((answer.Status, answer.Text), Is.EqualTo((404,
            """{"code":"PGRST202","details":"Searched for the function public.err_sayhell without parameters, but no matches were found in the schema cache.","hint":"Perhaps you meant to call the function public.err_sayhello","message":"Could not find the function public.err_sayhell without parameters in the schema cache"}""")));
    }

    [TestCase("err_sayhello", """{"nam":"x"}""",
        "Could not find the function public.err_sayhello(nam) in the schema cache",
        "Searched for the function public.err_sayhello with parameter nam or with a single unnamed json/jsonb parameter, but no matches were found in the schema cache.",
        "Perhaps you meant to call the function public.err_sayhello(name)")]
    [TestCase("err_sayhello", """{"y":1,"x":1}""",
        "Could not find the function public.err_sayhello(x, y) in the schema cache",
        "Searched for the function public.err_sayhello with parameters x, y or with a single unnamed json/jsonb parameter, but no matches were found in the schema cache.",
        null)]
    [TestCase("far_from_everything_else", "{}",
        "Could not find the function public.far_from_everything_else without parameters in the schema cache",
        "Searched for the function public.far_from_everything_else without parameters or with a single unnamed json/jsonb parameter, but no matches were found in the schema cache.",
        null)]
    public async Task Wrong_parameters_are_404_with_the_nearest_ones(string function, string body, string message, string details, string? hint)
    {
        var answer = await RestAnswer.PostAsync(Emulator, $"rpc/{function}", body);

        Assert.That((answer.Status, answer.Code), Is.EqualTo((404, "PGRST202")));
        Assert.That(((string?)answer.Json!["message"], (string?)answer.Json["details"], (string?)answer.Json["hint"]), Is.EqualTo((message, details, hint)));
    }

    // The examples of PostgREST's own source.
    [TestCase("testt", "test|another", 0.75, "test")]
    [TestCase("noclosealternative", "test|another", 0.75, null)]
    [TestCase("(nam, pqaram, vall)", "(name, param, val)|(attr, id)", 0.33, "(name, param, val)")]
    [TestCase("(param, val)", "(name, param, val)|(attr, id)", 0.33, "(name, param, val)")]
    [TestCase("(attrs, id)", "(name, param, val)|(attr, id)", 0.33, "(attr, id)")]
    [TestCase("(id)", "(name, param, val)|(attr, id)", 0.33, "(attr, id)")]
    [TestCase("(noclosealternative)", "(name, param, val)|(attr, id)", 0.33, null)]
    [TestCase("", "(a)", 0.33, null)]
    public void Similar_names_are_those_that_postgrest_finds(string name, string candidates, double minScore, string? expected) =>
        Assert.That(SimilarNames.Find(candidates.Split('|'), name, minScore), Is.EqualTo(expected));

    private static Task<RestAnswer> RaiseAsync(string state, string message, string detail) => RestAnswer.PostAsync(
        Emulator, "rpc/err_raise", new JsonObject { ["p_state"] = state, ["p_message"] = message, ["p_detail"] = detail }.ToJsonString());
}
