using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Emulator.Tests;

// What `alter role … set` and `create function … set` say holds for the whole call.
public sealed class RpcSettingTests
{
    private static readonly TimeSpan _reload = TimeSpan.FromSeconds(20);

    private static CampfireEmulator Emulator => EmulatorFixture.Emulator;

    [OneTimeSetUp]
    public Task CreateFunctions() => RestAnswer.ExecuteAsync(Emulator.ConnectionString, """
        create function public.set_shown() returns text language sql stable as
            $$ select current_setting('statement_timeout') || ' ' || current_setting('lock_timeout') || ' ' || current_setting('transaction_isolation') $$;
        create function public.set_sleep(seconds float) returns void language sql as $$ select pg_sleep(seconds) $$;
        create function public.set_sleep_longer(seconds float) returns void language sql set statement_timeout = '5min' as $$ select pg_sleep(seconds) $$;
        create function public.set_serializable() returns text language sql set default_transaction_isolation = 'serializable' as
            $$ select current_setting('transaction_isolation') $$;
        """);

    [TestCase("anon", "3s 8s read committed")]
    [TestCase("authenticated", "8s 8s read committed")]
    [TestCase("service_role", "8s 8s read committed")]
    public async Task A_caller_has_the_time_that_his_role_has(string role, string expected) =>
        Assert.That(await ShownToAsync(role), Is.EqualTo(expected));

    [Test]
    public async Task A_call_that_takes_longer_than_its_role_may_is_500()
    {
        var answer = await RestAnswer.PostAsync(Emulator, "rpc/set_sleep", """{"seconds":600}""");

        Assert.That((answer.Status, answer.Text), Is.EqualTo((500,
            """{"code":"57014","details":null,"hint":null,"message":"canceling statement due to statement timeout"}""")));
        Assert.That(answer.Headers.GetValues("Proxy-Status").Single(), Is.EqualTo("PostgREST; error=57014"));
    }

    [Test]
    public async Task A_function_can_give_its_callers_more_time_than_their_role_has()
    {
        var answer = await RestAnswer.PostAsync(Emulator, "rpc/set_sleep_longer", """{"seconds":3.5}""");

        Assert.That((answer.Status, answer.Text), Is.EqualTo((204, "")));
    }

    [Test]
    public async Task A_function_can_ask_for_an_isolation_level()
    {
        var answer = await RestAnswer.PostAsync(Emulator, "rpc/set_serializable", "");

        Assert.That((answer.Status, answer.Text), Is.EqualTo((200, "\"serializable\"")));
    }

    [Test]
    public async Task Changed_settings_of_a_role_hold_when_a_reload_is_announced()
    {
        await RestAnswer.ExecuteAsync(Emulator.ConnectionString, """
            create role clerk nologin;
            grant clerk to authenticator;
            grant usage on schema public to clerk;
            alter role clerk set statement_timeout = '4min';
            alter role clerk set default_transaction_isolation = 'repeatable read';
            """);
        // Only a superuser can change this one, so PostgREST leaves it alone.
        await RestAnswer.ExecuteAsync(Emulator.AdminConnectionString, "alter role clerk set log_statement = 'all'; notify pgrst, 'reload config'");
        await Assert.ThatAsync(() => ShownToAsync("clerk"), Is.EqualTo("4min 8s repeatable read").After((int)_reload.TotalMilliseconds, 50));

        await RestAnswer.ExecuteAsync(Emulator.ConnectionString, "alter role clerk set statement_timeout = '6min'; notify pgrst");

        await Assert.ThatAsync(() => ShownToAsync("clerk"), Is.EqualTo("6min 8s repeatable read").After((int)_reload.TotalMilliseconds, 50));
    }

    private static async Task<string> ShownToAsync(string role) =>
        (await RestAnswer.GetAsync(Emulator, "rpc/set_shown", Emulator.CreateToken(new JsonObject { ["role"] = role }))).Text.Trim('"');
}
