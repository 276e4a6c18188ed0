using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;
using Npgsql;

namespace Campfire.Realtime.Emulator.Tests;

public sealed class RpcTests
{
    private static readonly HttpClient _http = new();

    private static CampfireEmulator Emulator => EmulatorFixture.Emulator;

    [OneTimeSetUp]
    public async Task CreateFunctions()
    {
        await ExecuteAsync("""
            create function public.rpc_echo(p_text text, p_number int default 7) returns jsonb language sql as
                $$ select jsonb_build_object('text', p_text, 'number', p_number, 'role', current_user, 'sub', current_setting('request.jwt.claims')::jsonb ->> 'sub') $$;
            create function public.rpc_scalar() returns int language sql as $$ select 5 $$;
            create function public.rpc_null() returns jsonb language sql as $$ select null::jsonb $$;
            create function public.rpc_void() returns void language sql as $$ select $$;
            create function public.rpc_rows() returns table (a int, b text) language sql as $$ values (1, 'x'), (2, 'y') $$;
            create function public.rpc_none() returns setof int language sql as $$ select 1 where false $$;
            create function public.rpc_raise(p_state text) returns void language plpgsql as
                $$ begin raise exception using errcode = p_state, message = 'what', detail = 'why', hint = 'how'; end $$;
            create function public.rpc_locked() returns int language sql as $$ select 1 $$;
            revoke all on function public.rpc_locked from public, anon, authenticated, service_role;
            create function public.rpc_server_only() returns int language sql as $$ select 1 $$;
            revoke all on function public.rpc_server_only from public, anon, authenticated;
            create function public.rpc_over(a int) returns int language sql as $$ select 1 $$;
            create function public.rpc_over(a text) returns int language sql as $$ select 2 $$;
            create table public.rpc_writes (value int);
            create function public.rpc_write_then_fail() returns void language plpgsql security definer as
                $$ begin insert into public.rpc_writes values (1); raise exception 'no'; end $$;
            """);
    }

    [Test]
    public async Task A_function_runs_with_the_role_and_claims_of_the_token()
    {
        var user = Guid.NewGuid();

        var asKey = await CallAsync("rpc_echo", """{"p_text":"é 😀"}""");
        var asUser = await CallAsync("rpc_echo", """{"p_text":"x","p_number":8}""", Emulator.CreateAgentToken(user));
        var asServer = await CallAsync("rpc_echo", """{"p_text":"x"}""", key: Emulator.SecretKey);

        Assert.That(asKey.Body!.ToJsonString(), Is.EqualTo(JsonNode.Parse("""{"sub":null,"role":"anon","text":"é 😀","number":7}""")!.ToJsonString()));
        Assert.That(((string?)asUser.Body!["role"], (string?)asUser.Body["sub"], (int)asUser.Body["number"]!), Is.EqualTo(("authenticated", user.ToString(), 8)));
        Assert.That((string?)asServer.Body!["role"], Is.EqualTo("service_role"));
    }

    [TestCase("rpc_scalar", "5")]
    [TestCase("rpc_null", "null")]
    [TestCase("rpc_rows", """[{"a":1,"b":"x"},{"a":2,"b":"y"}]""")]
    [TestCase("rpc_none", "[]")]
    public async Task Results_are_json_in_the_functions_shape(string function, string expected)
    {
        var (status, body, _) = await CallAsync(function, "{}");

        Assert.That((status, body?.ToJsonString() ?? "null"), Is.EqualTo((HttpStatusCode.OK, expected)));
    }

    [Test]
    public async Task A_void_function_answers_204()
    {
        Assert.That((await CallAsync("rpc_void", "")).Status, Is.EqualTo(HttpStatusCode.NoContent));
    }

    [TestCase("PT409", 409)]
    [TestCase("PT422", 422)]
    [TestCase("P0001", 400)]
    [TestCase("22P02", 400)]
    [TestCase("23505", 409)]
    [TestCase("40001", 500)]
    [TestCase("42P01", 404)]
    public async Task An_error_of_the_database_has_its_fields_and_status(string state, int status)
    {
        var answer = await CallAsync("rpc_raise", $$"""{"p_state":"{{state}}"}""");

        Assert.That((int)answer.Status, Is.EqualTo(status));
        Assert.That(answer.Body!.ToJsonString(), Is.EqualTo($$"""{"code":"{{state}}","details":"why","hint":"how","message":"what"}"""));
    }

    [Test]
    public async Task A_missing_grant_is_401_for_anon_and_403_for_others()
    {
        var anonymous = await CallAsync("rpc_locked", "{}");
        var user = await CallAsync("rpc_locked", "{}", Emulator.CreateAgentToken(Guid.NewGuid()));

        Assert.That((anonymous.Status, user.Status), Is.EqualTo((HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden)));
        Assert.That((string?)user.Body!["code"], Is.EqualTo("42501"));
    }

    // A pooled connection must stand any number of refusals of one statement.
    [Test]
    public async Task A_function_that_was_refused_often_answers_whom_it_serves()
    {
        for (var i = 0; i < 20; i++)
            Assert.That((await CallAsync("rpc_server_only", "{}")).Status, Is.EqualTo(HttpStatusCode.Unauthorized));

        Assert.That((await CallAsync("rpc_server_only", "{}", key: Emulator.SecretKey)).Status, Is.EqualTo(HttpStatusCode.OK));
    }

    [TestCase("rpc_nowhere", "{}", 404, "PGRST202")]
    [TestCase("rpc_echo", """{"p_txt":"x"}""", 404, "PGRST202")]
    [TestCase("rpc_echo", "{}", 404, "PGRST202")]
    [TestCase("rpc_echo", "{", 400, "PGRST102")]
    [TestCase("rpc_echo", "[1]", 400, "PGRST102")]
    [TestCase("rpc_echo", """{"p_text":"x","p_number":"many"}""", 400, "22P02")]
    [TestCase("rpc_echo", """{"p_text":"\ud800"}""", 400, "PGRST102")]
    [TestCase("rpc_echo", """{"p_text":"\u0000"}""", 400, "22P05")]
    [TestCase("rpc_over", """{"a":1}""", 300, "PGRST203")]
    public async Task A_wrong_call_says_what_is_wrong(string function, string body, int status, string code)
    {
        var answer = await CallAsync(function, body);

        Assert.That(((int)answer.Status, (string?)answer.Body!["code"]), Is.EqualTo((status, code)));
    }

    [Test]
    public async Task An_unknown_function_is_described_as_postgrest_does()
    {
        var answer = await CallAsync("rpc_nowhere", """{"b":1,"a":2}""");

        Assert.That((string?)answer.Body!["message"], Is.EqualTo("Could not find the function public.rpc_nowhere(a, b) in the schema cache"));
    }

    [Test]
    public async Task A_function_created_later_is_found()
    {
        var before = await CallAsync("rpc_late", "{}");
        await ExecuteAsync("create function public.rpc_late() returns int language sql as $$ select 1 $$");

        Assert.That((before.Status, (await CallAsync("rpc_late", "{}")).Status), Is.EqualTo((HttpStatusCode.NotFound, HttpStatusCode.OK)));
    }

    [Test]
    public async Task A_changed_function_is_known_after_a_reload()
    {
        await ExecuteAsync("create function public.rpc_changing() returns void language sql as $$ select $$");
        await CallAsync("rpc_changing", "{}");

        await ExecuteAsync("""
            drop function public.rpc_changing();
            create function public.rpc_changing() returns int language sql as $$ select 3 $$;
            notify pgrst, 'reload schema';
            """);

        // The notification comes right behind the commit, but by another connection than the call.
        Assert.That(async () => (await CallAsync("rpc_changing", "{}")).Body?.ToJsonString(), Is.EqualTo("3").After(5000, 20));
    }

    [Test]
    public async Task A_failed_call_stores_nothing()
    {
        await CallAsync("rpc_write_then_fail", "{}");

        Assert.That(await ExecuteAsync("select count(*) from public.rpc_writes"), Is.Zero);
    }

    [Test]
    public async Task A_body_beyond_the_limit_is_413()
    {
        Assert.That((await CallAsync("rpc_echo", $$"""{"p_text":"{{new string('x', 8_100_000)}}"}""")).Status, Is.EqualTo(HttpStatusCode.RequestEntityTooLarge));
    }

    [TestCase("GET", "messages?select=*", 501, "PGRST127")]
    [TestCase("POST", "messages", 501, "PGRST127")]
    [TestCase("PATCH", "messages?id=eq.1", 501, "PGRST127")]
    [TestCase("DELETE", "messages", 501, "PGRST127")]
    [TestCase("GET", "", 501, "PGRST127")]
    [TestCase("GET", "rpc", 501, "PGRST127")]
    [TestCase("GET", "messages/1", 404, "PGRST125")]
    [TestCase("POST", "rpc/rpc_scalar/again", 404, "PGRST125")]
    public async Task Tables_are_answered_501_with_an_explanation(string method, string path, int status, string code)
    {
        var answer = await RestAnswer.SendAsync(Emulator, new HttpMethod(method), path, content: null);

        Assert.That((answer.Status, answer.Code), Is.EqualTo((status, code)));
        if (status == 501)
            Assert.That((string?)answer.Json!["hint"], Does.Contain("/rest/v1/rpc/{function}"));
    }

    private static async Task<object?> ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(Emulator.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }

    private static async Task<(HttpStatusCode Status, JsonNode? Body, string Challenge)> CallAsync(string function, string body, string? token = null, string? key = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(Emulator.Url, $"/rest/v1/rpc/{function}"))
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
        };
        if (key != "")
            request.Headers.Add("apikey", key ?? Emulator.PublishableKey);
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using var response = await _http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, text.Length == 0 ? null : JsonNode.Parse(text), response.Headers.WwwAuthenticate.ToString());
    }
}
