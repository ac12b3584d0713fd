console.log('the check');
