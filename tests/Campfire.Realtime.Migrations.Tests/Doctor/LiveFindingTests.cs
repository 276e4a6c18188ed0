using Campfire.Realtime.Emulator;
using Campfire.Realtime.Migrations.Tests.Support;
using Npgsql;

namespace Campfire.Realtime.Migrations.Tests.Doctor;

// Each breaks the project for a moment, so they run one after the other on an emulator of their own.
[Parallelizable(ParallelScope.Self)]
[FixtureLifeCycle(LifeCycle.SingleInstance)]
public sealed class LiveFindingTests
{
    internal static readonly string[] Codes =
    [
        "live_unreachable", "live_join_refused", "live_join_allowed", "live_call_refused", "live_not_delivered",
        "live_forgery_delivered", "live_canary_left",
    ];

    private CampfireEmulator _emulator = null!;
    private NpgsqlDataSource _database = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _emulator = await CampfireEmulator.StartAsync(new CampfireEmulatorOptions { Delays = EmulatorDelays.Fast });
        _database = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(_emulator.ConnectionString) { MaxAutoPrepare = 0 });
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _database.DisposeAsync();
        await _emulator.DisposeAsync();
    }

    [TearDown]
    public async Task Nothing_is_left_behind() =>
        Assert.That(await ReadAsync("select (select count(*) from public.organizations) + (select count(*) from public.realtime_conversations)"), Is.Zero);

    [TestCase(true)]
    [TestCase(false)]
    public async Task Healthy_project_has_a_measurement_for_each_path_and_no_finding(bool hasOpaqueKeys)
    {
        DoctorReport report = await ExamineAsync(hasOpaqueKeys ? CreateTarget(_emulator.PublishableKey, _emulator.SecretKey) : null);

        Assert.That(report.Findings, Is.Empty);
        Assert.That(report.Measurements.Select(measurement => measurement.Path), Is.EqualTo(new[]
        {
            "agent joins conversation", "agent joins typing", "agent joins organization", "agent joins conversations",
            "visitor joins conversation", "visitor joins typing",
            "service joins conversation", "service joins organization", "service joins conversations",
            "database's stream is ready",
            "visitor calls campfire_send_message",
            "visitor's message reaches the agent on conversation",
            "visitor's message reaches the agent on organization",
            "visitor's message reaches the agent on conversations",
            "agent calls campfire_send_message", "agent's message reaches the visitor",
            "visitor's presence reaches the agent", "visitor's typing reaches the agent",
        }));
        Assert.That(report.Measurements.Select(measurement => measurement.Duration), Is.All.GreaterThan(TimeSpan.Zero));
    }

    [Test]
    public async Task Organizations_without_a_name_serve_as_well()
    {
        await ExecuteAsync("alter table public.organizations rename column name to title; alter table public.organizations alter column title drop not null");

        DoctorReport report = await ExamineAsync();
        await ExecuteAsync("alter table public.organizations rename column title to name; alter table public.organizations alter column name set not null");

        Assert.That(report.Findings, Is.Empty);
    }

    [Test]
    public async Task Address_where_nobody_answers_is_found() =>
        await AssertAsync("live_unreachable", ["agent connects"], target: new LiveTarget
        {
            Url = new Uri("http://127.0.0.1:1"),
            AnonKey = _emulator.AnonKey,
            JwtSecret = _emulator.JwtSecret,
        });

    [Test]
    public async Task Participant_who_is_kept_out_is_found() =>
        await AssertAsync(
            "live_join_refused",
            ["visitor joins conversation", "visitor joins typing"],
            "revoke execute on function campfire.can_receive(text) from anon",
            "grant execute on function campfire.can_receive(text) to anon");

    [Test]
    public async Task Stranger_who_is_let_in_is_found() =>
        await AssertAsync(
            "live_join_allowed",
            [
                "member of another organization joins conversation",
                "member of another organization joins organization",
                "member of another organization joins conversations",
            ],
            "create policy theirs on realtime.messages for select to authenticated using (true)",
            "drop policy theirs on realtime.messages");

    [Test]
    public async Task Function_that_refuses_is_found() =>
        await AssertAsync(
            "live_call_refused",
            ["agent calls campfire_send_message"],
            "revoke execute on function public.campfire_send_message(uuid, uuid, text, jsonb, jsonb, bigint, jsonb) from authenticated",
            "grant execute on function public.campfire_send_message(uuid, uuid, text, jsonb, jsonb, bigint, jsonb) to authenticated");

    [Test]
    public async Task Message_that_does_not_arrive_is_found() =>
        await AssertAsync(
            "live_not_delivered",
            [
                "visitor's message reaches the agent on conversation",
                "visitor's message reaches the agent on conversations",
                "agent's message reaches the visitor",
            ],
            "alter table public.messages disable trigger record_message_trigger",
            "alter table public.messages enable trigger record_message_trigger",
            new CampfireDoctorOptions { LiveTimeout = TimeSpan.FromSeconds(1) });

    [Test]
    public async Task Change_of_the_conversation_that_does_not_arrive_is_found() =>
        await AssertAsync(
            "live_not_delivered",
            ["visitor's message reaches the agent on organization"],
            "alter table public.conversations disable trigger sync_realtime_conversations_trigger",
            "alter table public.conversations enable trigger sync_realtime_conversations_trigger",
            new CampfireDoctorOptions { LiveTimeout = TimeSpan.FromSeconds(1) });

    [Test]
    public async Task Forgery_that_arrives_is_found() =>
        await AssertAsync(
            "live_forgery_delivered",
            ["visitor forges a message"],
            "create policy theirs on realtime.messages for insert to anon with check (true)",
            "drop policy theirs on realtime.messages");

    [Test]
    public async Task Canary_that_cannot_be_removed_is_found_with_what_removes_it()
    {
        await ExecuteAsync(
            """
            create function public.theirs() returns trigger language plpgsql as $$ begin raise exception 'not today'; end $$;
            create trigger theirs before delete on public.organizations for each row execute function public.theirs();
            """);
        DoctorReport report = await ExamineAsync();
        await ExecuteAsync("drop function public.theirs() cascade");

        Assert.That(report.Findings.Select(finding => finding.Code), Is.EqualTo(new[] { "live_canary_left" }));
        Assert.That(report.Findings[0].Message, Does.Contain("not today"));
        Assert.That(await ReadAsync("select count(*) from public.organizations"), Is.EqualTo(2));
        await ExecuteAsync(report.Findings[0].Fix);
    }

    [Test]
    public async Task Cancelled_examination_leaves_nothing_behind()
    {
        using CancellationTokenSource cancellation = new();
        await ExecuteAsync(
            """
            create function public.theirs() returns trigger language plpgsql as $$ begin notify canary; return new; end $$;
            create trigger theirs after insert on public.organizations execute function public.theirs();
            """);
        await using NpgsqlConnection listener = await _database.OpenConnectionAsync();
        await listener.ExecuteAsync("listen canary");

        Task<DoctorReport> examining = new CampfireDoctor(_database).ExamineLiveAsync(CreateTarget(), cancellation.Token);
        await listener.WaitAsync(TimeSpan.FromSeconds(10));
        await cancellation.CancelAsync();

        Assert.That(async () => await examining, Throws.InstanceOf<OperationCanceledException>());
        await ExecuteAsync("drop function public.theirs() cascade");
    }

    [Test]
    public void Database_that_is_not_there_is_an_error() =>
        Assert.That(
            () => new CampfireDoctor(_emulator.ConnectionString + ";Port=1").ExamineLiveAsync(CreateTarget()),
            Throws.TypeOf<CampfireMigrationException>().With.Property("Code").EqualTo(CampfireMigrationErrorCode.ConnectionFailed));

    [Test]
    public void Target_that_is_none_is_refused()
    {
        Assert.That(() => ExamineAsync(new LiveTarget { Url = new Uri("ftp://localhost"), AnonKey = "a", JwtSecret = "s" }), Throws.ArgumentException);
        Assert.That(() => ExamineAsync(new LiveTarget { Url = _emulator.Url, AnonKey = "", JwtSecret = "s" }), Throws.ArgumentException);
        Assert.That(() => ExamineAsync(new LiveTarget { Url = _emulator.Url, AnonKey = "a", JwtSecret = " " }), Throws.ArgumentException);
        Assert.That(() => ExamineAsync(CreateTarget(serviceKey: "")), Throws.ArgumentException);
        Assert.That(() => ExamineAsync(CreateTarget(anonKey: _emulator.AnonKey + "\n")), Throws.ArgumentException);
    }

    [Test]
    public void Key_of_another_kind_is_refused_without_quoting_it()
    {
        foreach (LiveTarget target in new[]
        {
            CreateTarget(anonKey: _emulator.ServiceKey), CreateTarget(anonKey: _emulator.SecretKey),
            CreateTarget(serviceKey: _emulator.AnonKey), CreateTarget(serviceKey: _emulator.PublishableKey),
        })
        {
            Assert.That(
                () => ExamineAsync(target),
                Throws.ArgumentException.With.Message.Contains("another kind of key").And.Message.Not.Contains(target.AnonKey));
        }
    }

    private async Task AssertAsync(
        string code, string[] paths, string? damage = null, string? repair = null, CampfireDoctorOptions? options = null, LiveTarget? target = null)
    {
        if (damage is not null)
            await ExecuteAsync(damage);
        DoctorReport report;
        try
        {
            report = await ExamineAsync(target, options);
        }
        finally
        {
            if (repair is not null)
                await ExecuteAsync(repair);
        }

        Assert.That(report.Findings.Select(finding => finding.Code), Is.All.EqualTo(code), string.Join('\n', report.Findings));
        Assert.That(report.Findings.Select(finding => finding.Object), Is.EquivalentTo(paths));
        Assert.That(report.Findings.Select(finding => finding.Fix), Is.All.StartsWith("-- "));
        Assert.That(report.Findings.Select(finding => finding.Message), Has.None.Contains(_emulator.AnonKey).And.None.Contains(_emulator.JwtSecret));
    }

    private Task<DoctorReport> ExamineAsync(LiveTarget? target = null, CampfireDoctorOptions? options = null) =>
        new CampfireDoctor(_database, options).ExamineLiveAsync(target ?? CreateTarget());

    private LiveTarget CreateTarget(string? anonKey = null, string? serviceKey = null) => new()
    {
        Url = _emulator.Url,
        AnonKey = anonKey ?? _emulator.AnonKey,
        ServiceKey = serviceKey ?? _emulator.ServiceKey,
        JwtSecret = _emulator.JwtSecret,
    };

    private async Task ExecuteAsync(string sql)
    {
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await connection.ExecuteAsync(sql);
    }

    private async Task<long> ReadAsync(string sql)
    {
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        return await connection.ReadAsync<long>(sql);
    }
}
